"""Decides whether work pools, work queues and deployments are ready, and corrects their stored statuses.

A pool is ready while one of its workers is online. A queue is ready if it was polled recently; a deployment, if it or
its queue was. `refresh_status` is the one function that corrects stored statuses. A request that changes readiness
calls it in the same transaction; `workers.readiness` calls it regularly, because readiness also ends with time.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import JSON, ColumnElement, Interval, Select, and_, bindparam, case, exists, func, literal, or_, select
from sqlalchemy.orm import Session

from app.capture.kind_classes import ResourceKind
from app.capture.kinds import DEPLOYMENT, KINDS, STATUS, WORK_POOL, WORK_QUEUE
from app.capture.row_changes import update_rows
from app.capture.snapshot import Change
from app.capture.statements import Condition, Where, cached_for_condition
from app.models import PoolWorker, Readiness
from app.postgres.base import core_table
from app.settings import get_settings

BYTES_AT_ONCE: Final = 1024 * 1024
"""The maximum size of the stored JSON of the rows that one bounded call of `refresh_status` changes.

That is hundreds of ordinary deployments, or one large one. The JSON is larger than its stored size, because PostgreSQL
compresses it. For each changed row, it is read, masked and stored twice: before and after the change.
"""


def refresh_status(
    session: Session,
    kind: ResourceKind,
    where: Where,
    *,
    limit: int | None = None,
    exclusive: bool = False,
    bounded: bool = False,
    cause: datetime | None = None,
) -> list[Change]:
    """Correct the stored status of the matching rows; return the changes, ordered by id, for the caller to record.

    Rows that another transaction has locked are skipped, so this never waits. One statement finds and locks the rows
    whose status is wrong, usually none; at most two more update them, however many there are.

    Args:
        session: the open transaction.
        kind: work pool, work queue or deployment.
        where: which rows to check.
        limit: how many rows to change at most.
        exclusive: also skip rows whose key another transaction holds, such as a pool with a heartbeat in progress.
        bounded: change at most `BYTES_AT_ONCE` of stored JSON, but at least one row; leave the rest to the next call.
        cause: the time of the change that these changes result from.
    """
    condition = Condition.of(where)
    locked = _outdated_rows(condition, kind.name, limit, exclusive)
    ids_by_status = _ids_by_status(session.execute(locked, condition.values()), bounded)
    if not ids_by_status:
        return []
    id_, due = kind.table.c.id, _due_status(kind)
    return [
        change
        for status in sorted(ids_by_status)
        # A separate statement after the locks sees what other transactions committed before them.
        for change in update_rows(
            session, kind, and_(id_.in_(ids_by_status[status]), due == status), {STATUS: status}, cause=cause
        )
    ]


def _ids_by_status(rows: Iterable[Any], bounded: bool) -> dict[str, list[UUID]]:
    ids: dict[str, list[UUID]] = defaultdict(list)
    size = 0
    for row in rows:
        size += row.size
        if bounded and ids and size > BYTES_AT_ONCE:
            break
        ids[row.due].append(row.id)
    return ids


def pause(session: Session, kind: ResourceKind, where: ColumnElement[bool], paused: bool) -> list[Change]:
    """Pause or resume the matching row; return the change, if any, for the caller to record.

    A resumed row gets the status that is correct now. For a work pool, the caller must hold FOR UPDATE, so that its
    readiness cannot change meanwhile. A pool without a status, such as the agents' pool, keeps none.

    Args:
        session: the open transaction.
        kind: work pool or work queue.
        where: a condition that at most one row matches.
        paused: True to pause, False to resume.
    """
    table = kind.table
    statement = select(table.c[STATUS], is_ready(kind).label("ready")).where(where, table.c.is_paused != paused)
    row = session.execute(statement.with_for_update(key_share=True)).one_or_none()
    if row is None:
        return []
    resumed = Readiness.READY if row.ready else Readiness.NOT_READY
    status = {STATUS: Readiness.PAUSED if paused else resumed} if row.status is not None else {}
    return update_rows(session, kind, where, {"is_paused": paused, **status})


def first_status(is_paused: bool) -> Readiness:
    """Return the status of a new work pool or work queue. No worker has asked for its work yet."""
    return Readiness.PAUSED if is_paused else Readiness.NOT_READY


def is_ready(kind: ResourceKind) -> ColumnElement[bool]:
    """Return the condition that a row of this kind is ready, whether or not it is paused."""
    return READY[kind.name]()


def status_is_current(kind: ResourceKind) -> ColumnElement[bool]:
    """Return the condition that the stored status of a row of this kind is correct; NULL if it has no status."""
    return kind.table.c[STATUS] == _due_status(kind)


def is_online() -> ColumnElement[bool]:
    """Return the condition that a worker's next heartbeat is not overdue."""
    return core_table(PoolWorker).c.online_until > func.statement_timestamp()


def polled_recently(last_polled: ColumnElement[datetime | None]) -> ColumnElement[bool]:
    """Return the condition that this time of a poll is recent: at most `readiness_silence` ago.

    The setting is read when the statement is executed.
    """
    max_age = bindparam("silence", callable_=_silence, type_=Interval, unique=True)
    return func.coalesce(last_polled >= func.statement_timestamp() - max_age, False)


def _silence() -> timedelta:
    return timedelta(seconds=get_settings().readiness_silence)


# These use Core tables. A condition on a model would send the statement through the ORM, which doubles its time.
def _pool_is_ready() -> ColumnElement[bool]:
    pool, worker = WORK_POOL.table, core_table(PoolWorker)
    return exists().where(worker.c.work_pool_id == pool.c.id, is_online()).correlate(pool)


def _queue_is_ready() -> ColumnElement[bool]:
    return polled_recently(WORK_QUEUE.table.c.last_polled)


def _deployment_is_ready() -> ColumnElement[bool]:
    deployment, queue = DEPLOYMENT.table.c, WORK_QUEUE.table.c
    is_its_queue = and_(queue.id == deployment.work_queue_id, polled_recently(queue.last_polled))
    return or_(
        polled_recently(deployment.last_polled),
        exists().where(is_its_queue).correlate(DEPLOYMENT.table),
    )


READY: Final[Mapping[str, Callable[[], ColumnElement[bool]]]] = {
    WORK_POOL.name: _pool_is_ready,
    WORK_QUEUE.name: _queue_is_ready,
    DEPLOYMENT.name: _deployment_is_ready,
}


@cached_for_condition
def _outdated_rows(
    where: ColumnElement[bool], kind_name: str, limit: int | None, exclusive: bool
) -> Select[UUID, str, int]:
    """Select and lock the rows whose stored status is wrong, with the correct status and the size of their JSON."""
    kind = KINDS[kind_name]
    id_ = kind.table.c.id
    rows = select(id_, _due_status(kind).label("due"), _size(kind).label("size"))
    outdated = rows.where(where, ~status_is_current(kind)).order_by(id_)
    return outdated.limit(limit).with_for_update(skip_locked=True, key_share=not exclusive)


def _size(kind: ResourceKind) -> ColumnElement[int]:
    """Return the stored size in bytes of a row's JSON. PostgreSQL does not read the JSON for this."""
    columns = [column for column in kind.table.columns if isinstance(column.type, JSON)]
    return sum((func.coalesce(func.pg_column_size(column), 0) for column in columns), literal(0))


def _due_status(kind: ResourceKind) -> ColumnElement[Any]:
    """Return the status that a row of this kind should have now."""
    columns = kind.table.c
    ready = (is_ready(kind), Readiness.READY.value)
    paused = ((columns.is_paused, Readiness.PAUSED.value),) if "is_paused" in columns else ()
    return case(*paused, ready, else_=Readiness.NOT_READY.value)
