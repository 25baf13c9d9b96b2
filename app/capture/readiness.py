"""Whether work pools, work queues and deployments are ready, and the changes by which they become so or not.

The status is stored, and `settle` is the one place that brings it in line with what holds: that a worker of the pool
is online, that somebody polled the queue lately, or the deployment. Whoever alters what holds settles it in the same
transaction; that time has passed is noticed by `workers.readiness`.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

from sqlalchemy import JSON, ColumnElement, Interval, Select, and_, bindparam, case, exists, func, literal, or_, select
from sqlalchemy.orm import Session

from app.capture.kinds import DEPLOYMENT, KINDS, STATUS, WORK_POOL, WORK_QUEUE
from app.capture.resource_kind import ResourceKind
from app.capture.snapshot import Change
from app.capture.statements import Given, table_of
from app.capture.tracked import update_rows
from app.models import PoolWorker, Readiness
from app.postgres.engine import core_table
from app.settings import get_settings

BYTES_AT_ONCE: Final = 1024 * 1024
"""How much stored JSON the rows hold that are settled together: hundreds of ordinary deployments, or one large one.

PostgreSQL compresses it, and each row is read, masked and stored as it was before and after its change.
"""


def settle(
    session: Session,
    kind: ResourceKind,
    where: ColumnElement[bool],
    *,
    given: Given = None,
    limit: int | None = None,
    alone: bool = False,
    bounded: bool = False,
    cause: datetime | None = None,
) -> list[Change]:
    """Give the rows that match the status that holds now, and return these changes for the caller to record, by id.

    It waits for nobody: a row that another transaction holds is passed over. One statement finds the rows and locks
    them; nearly always there are none. At most two more change them, however many they are.

    Args:
        session: the open transaction.
        kind: work pool, work queue or deployment.
        where: which rows are asked for.
        given: the parameters of that condition.
        limit: how many rows to change at most.
        alone: passes over rows as well whose key others hold: a work pool of which a worker is heard at this moment.
        bounded: changes `BYTES_AT_ONCE` at most, or one row, and leaves what is beyond to the next call.
        cause: the time of the change that these follow from.
    """
    locked = (_standing_stale if given is not None else _stale)(kind.name, where, limit, alone)
    ids: dict[str, list[UUID]] = defaultdict(list)
    size = 0
    for row in session.execute(locked, given):
        size += row.size
        if bounded and ids and size > BYTES_AT_ONCE:
            break
        ids[row.due].append(row.id)
    if not ids:
        return []
    id_, due = table_of(kind).c.id, _due(kind)
    return [
        change
        for status in sorted(ids)
        # A statement of its own after the locks sees what was committed before them.
        for change in update_rows(
            session, kind, and_(id_.in_(ids[status]), due == status), {STATUS: status}, cause=cause
        )
    ]


def pause(session: Session, kind: ResourceKind, where: ColumnElement[bool], paused: bool) -> list[Change]:
    """Pause or resume the one row that matches; return the change for the caller to record, if it is one.

    What is resumed has the status that holds then. The caller has locked a work pool before, alone, so that what is
    read here holds. A pool of agents has no status, and its change is an ordinary one.
    """
    table = table_of(kind)
    found = select(table.c[STATUS], is_ready(kind).label("ready"))
    locked = found.where(where, table.c.is_paused != paused).with_for_update(key_share=True)
    row = session.execute(locked).one_or_none()
    if row is None:
        return []
    resumed = Readiness.READY if row.ready else Readiness.NOT_READY
    status = {STATUS: Readiness.PAUSED if paused else resumed} if row.status is not None else {}
    return update_rows(session, kind, where, {"is_paused": paused, **status})


def first_status(is_paused: bool) -> Readiness:
    """Return the status of a work pool or a work queue that is created: nobody has asked for its work yet."""
    return Readiness.PAUSED if is_paused else Readiness.NOT_READY


def is_ready(kind: ResourceKind) -> ColumnElement[bool]:
    """Return the condition that somebody takes the work of a row of this kind, be it paused or not."""
    return READY[kind.name]()


def status_is_due(kind: ResourceKind) -> ColumnElement[bool]:
    """Return the condition that the stored status of a row of this kind holds now; NULL for one that has none."""
    return table_of(kind).c[STATUS] == _due(kind)


def is_online() -> ColumnElement[bool]:
    """Return the condition that a worker's next heartbeat is not overdue."""
    return core_table(PoolWorker).c.online_until > func.statement_timestamp()


def polled_lately(last_polled: ColumnElement[datetime | None]) -> ColumnElement[bool]:
    """Return the condition that a time of a poll is recent; what that means is asked when the statement is sent."""
    silence = bindparam("silence", callable_=_silence, type_=Interval, unique=True)
    return func.coalesce(last_polled >= func.statement_timestamp() - silence, False)


def _silence() -> timedelta:
    return timedelta(seconds=get_settings().readiness_silence)


# On the tables: a condition on a model lets the ORM handle the statement, which takes as long again.
def _pool_is_ready() -> ColumnElement[bool]:
    pool, worker = table_of(WORK_POOL), core_table(PoolWorker)
    return exists().where(worker.c.work_pool_id == pool.c.id, is_online()).correlate(pool)


def _queue_is_ready() -> ColumnElement[bool]:
    return polled_lately(table_of(WORK_QUEUE).c.last_polled)


def _deployment_is_ready() -> ColumnElement[bool]:
    deployment, queue = table_of(DEPLOYMENT).c, table_of(WORK_QUEUE).c
    is_its_queue = and_(queue.id == deployment.work_queue_id, polled_lately(queue.last_polled))
    return or_(
        polled_lately(deployment.last_polled),
        exists().where(is_its_queue).correlate(table_of(DEPLOYMENT)),
    )


READY: Final[Mapping[str, Callable[[], ColumnElement[bool]]]] = {
    WORK_POOL.name: _pool_is_ready,
    WORK_QUEUE.name: _queue_is_ready,
    DEPLOYMENT.name: _deployment_is_ready,
}


def _stale(kind_name: str, where: ColumnElement[bool], limit: int | None, alone: bool) -> Select[UUID, str, int]:
    """The rows whose status is not the one that holds now, with that one and the size of their JSON, locked."""
    kind = KINDS[kind_name]
    id_ = table_of(kind).c.id
    found = (
        select(id_, _due(kind).label("due"), _size(kind).label("size")).where(where, ~status_is_due(kind)).order_by(id_)
    )
    return found.limit(limit).with_for_update(skip_locked=True, key_share=not alone)


_standing_stale = lru_cache(_stale)


def _size(kind: ResourceKind) -> ColumnElement[int]:
    """The bytes that the JSON of a row takes where it is stored; it is not read for that."""
    columns = [column for column in table_of(kind).columns if isinstance(column.type, JSON)]
    return sum((func.coalesce(func.pg_column_size(column), 0) for column in columns), literal(0))


def _due(kind: ResourceKind) -> ColumnElement[Any]:
    columns = table_of(kind).c
    ready = (is_ready(kind), Readiness.READY.value)
    paused = ((columns.is_paused, Readiness.PAUSED.value),) if "is_paused" in columns else ()
    return case(*paused, ready, else_=Readiness.NOT_READY.value)
