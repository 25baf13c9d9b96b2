"""Finds out, in one statement, whether a deployment is stored unchanged; otherwise locks its flow and queue.

Most deployments that clients send are stored unchanged, because a whole project is deployed again when one flow has
changed.
"""

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any, Final, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, bindparam, exists, join, select, true
from sqlalchemy.orm import Session

from app.capture.kinds import DEPLOYMENT
from app.capture.readiness import polled_recently
from app.capture.sameness import any_differs
from app.capture.statements import parameter
from app.crud.deployments.reading import DEPLOYMENT as TABLE
from app.crud.deployments.reading import LIMIT, POOL, QUEUE, VIEW_COLUMNS, DeploymentView, read_deployment, view
from app.crud.work_pools.pools import AGENT_POOL
from app.crud.work_pools.queues import is_queue_named, resolve_queue
from app.errors import Conflict
from app.models import Flow
from app.postgres.base import JsonObject, core_table
from app.schemas.deployments import DeploymentCreate

FLOW: Final = core_table(Flow)
FLOW_ID: Final = "of_flow"
NAME: Final = "named"
POOL_NAME: Final = "pool_name"
QUEUE_NAME: Final = "queue_name"
UNCHANGED_COLUMNS: Final = (*VIEW_COLUMNS, POOL.c.base_job_template)


class Queue(NamedTuple):
    """The work queue of a request, with the name and the job template of its pool."""

    id: UUID
    name: str
    pool_name: str
    last_polled: datetime | None
    polled_recently: bool
    template: JsonObject


class Existing(NamedTuple):
    """The stored deployment if it is unchanged; otherwise its flow and queue, locked against deletion.

    Attributes:
        unchanged: the stored deployment, if nothing differs. Then `flow_labels` is empty, and `queue` is None.
        template: the job template of the pool of the request's queue; None if the request names no queue.
        flow_labels: the labels of the flow.
        queue: the queue of the request; None if the request names none.
        exists: whether the flow has a deployment with this name; also True if that is not known.
    """

    unchanged: DeploymentView | None
    template: JsonObject | None
    flow_labels: JsonObject
    queue: Queue | None
    exists: bool

    @property
    def queue_id(self) -> UUID | None:
        """The id of the queue, or None."""
        return self.queue.id if self.queue is not None else None

    @property
    def unpolled_queue(self) -> UUID | None:
        """The id of the queue if no worker has polled it recently, or None."""
        return self.queue.id if self.queue is not None and not self.queue.polled_recently else None


def find_existing(session: Session, body: DeploymentCreate, values: Mapping[str, Any]) -> Existing:
    """Return the stored deployment if nothing differs; otherwise lock its flow and its queue.

    An unchanged deployment takes no lock, because locking rows is a write whose commit waits for the disk.

    Args:
        session: the open transaction.
        body: the request, with the id of the flow and the names of the pool and queue.
        values: the tracked columns to store. `labels` contains only the deployment's own labels, and `work_queue_id`
            is present only if it is None.

    Raises:
        Conflict: the flow does not exist.
        NotFound: the work pool does not exist.
    """
    names_queue = body.work_pool_name is not None or body.work_queue_name is not None
    existing = _find(session, body, values, names_queue)
    if existing is not None:
        return existing
    flow_labels = _lock_flow(session, body.flow_id) if names_queue else None
    if flow_labels is None:
        raise Conflict(f"There is no flow {body.flow_id}.")
    # The queue may have to be created first. `exists=True` makes the caller use the upsert, which is always right.
    queue_id = resolve_queue(session, body.work_pool_name, body.work_queue_name)
    assert queue_id is not None, "a queue is named"
    queue = _read_queue(session, queue_id)
    return Existing(None, queue.template, flow_labels, queue, exists=True)


def view_after(session: Session, existing: Existing, row: Mapping[str, Any]) -> DeploymentView:
    """Return the view of a deployment after `row` was written. Read it again if it has a limit or another queue."""
    if row["concurrency_limit_id"] is not None or row["work_queue_id"] != existing.queue_id:
        return read_deployment(session, row["id"])
    _, queue_name, pool_name, last_polled, *_ = existing.queue or (None,) * len(Queue._fields)
    return DeploymentView(row, queue_name, pool_name, None, last_polled)


def _lock_flow(session: Session, flow_id: UUID) -> JsonObject | None:
    """Return the labels of the flow, locked against deletion; None if it does not exist."""
    return session.scalar(select(FLOW.c.labels).where(FLOW.c.id == flow_id).with_for_update(read=True, key_share=True))


def _find(session: Session, body: DeploymentCreate, values: Mapping[str, Any], names_queue: bool) -> Existing | None:
    """Run the statement; return None if the flow does not exist, or, with `names_queue`, the queue."""
    statement = _statement(tuple(values), names_queue, body.work_queue_name is not None)
    parameters = {
        FLOW_ID: body.flow_id,
        NAME: body.name,
        POOL_NAME: body.work_pool_name if body.work_pool_name is not None else AGENT_POOL,
        QUEUE_NAME: body.work_queue_name,
        **{parameter(field): value for field, value in values.items()},
    }
    row = session.execute(statement, parameters).one_or_none()
    if row is None:
        return None
    unchanged, locked = row[: len(UNCHANGED_COLUMNS)], row[len(UNCHANGED_COLUMNS) :]
    if any(unchanged):
        template = unchanged[-1] if names_queue else None
        return Existing(view(unchanged[:-1]), template, {}, None, exists=True)
    flow_labels, exists_, *queue_values = locked
    queue = Queue(*queue_values) if names_queue else None
    return Existing(None, queue.template if queue is not None else None, flow_labels, queue, exists_)


def _read_queue(session: Session, queue_id: UUID) -> Queue:
    statement = select(*_queue_columns()).join(POOL, POOL.c.id == QUEUE.c.work_pool_id).where(QUEUE.c.id == queue_id)
    return Queue(*session.execute(statement).one())


@lru_cache(maxsize=512)
def _statement(fields: tuple[str, ...], names_queue: bool, has_queue_name: bool) -> Select[*tuple[Any, ...]]:
    """Select one row: the unchanged deployment, or its locked flow and queue. No row if flow or queue is missing."""
    new: dict[str, ColumnElement[Any]] = {
        field: bindparam(parameter(field), type_=TABLE.c[field].type) for field in fields
    }
    new["labels"] = FLOW.c.labels.op("||")(new["labels"])
    queue_name: ColumnElement[str] | None = bindparam(QUEUE_NAME) if has_queue_name else None
    is_named_queue = is_queue_named(bindparam(POOL_NAME), queue_name) if names_queue else true()
    in_pool = POOL.c.id == QUEUE.c.work_pool_id
    is_flow = FLOW.c.id == bindparam(FLOW_ID)
    is_deployment = and_(TABLE.c.flow_id == FLOW.c.id, TABLE.c.name == bindparam(NAME))
    unchanged = (
        select(*_numbered(*UNCHANGED_COLUMNS))
        .select_from(FLOW)
        .join(TABLE, is_deployment)
        .outerjoin(QUEUE, QUEUE.c.id == TABLE.c.work_queue_id)
        .outerjoin(POOL, in_pool)
        .outerjoin(LIMIT, LIMIT.c.id == TABLE.c.concurrency_limit_id)
        .where(is_flow, is_named_queue, ~any_differs(DEPLOYMENT, TABLE, new))
        .cte("unchanged")
    )
    columns = (FLOW.c.labels, exists().where(is_deployment).correlate(FLOW), *(_queue_columns() if names_queue else ()))
    changed = select(*_numbered(*columns)).select_from(FLOW)
    changed = changed.where(is_flow, is_named_queue, ~exists().select_from(unchanged))
    if names_queue:
        changed = changed.join(QUEUE, true()).join(POOL, in_pool)
    tables = [FLOW, QUEUE] if names_queue else [FLOW]
    locked = changed.with_for_update(read=True, key_share=True, of=tables).cte("locked")
    return select(*unchanged.c, *locked.c).select_from(join(unchanged, locked, true(), full=True))


def _queue_columns() -> tuple[ColumnElement[Any], ...]:
    """Return the columns of a `Queue`, in its order."""
    polled = QUEUE.c.last_polled
    return QUEUE.c.id, QUEUE.c.name, POOL.c.name, polled, polled_recently(polled), POOL.c.base_job_template


def _numbered(*columns: ColumnElement[Any]) -> list[ColumnElement[Any]]:
    """Label the columns by number, because these tables have columns with the same names."""
    return [column.label(f"c{number}") for number, column in enumerate(columns)]
