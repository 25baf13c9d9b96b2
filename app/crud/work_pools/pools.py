"""Creates, reads, lists and updates work pools. `app.crud.deletions` deletes them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, func, select, true
from sqlalchemy.orm import Session

from app.capture.kinds import DEFAULT_QUEUE_ID, RESULT_STORAGE_ID, WORK_POOL
from app.capture.readiness import first_status, pause
from app.capture.row_changes import insert_row, update_rows
from app.capture.snapshot import Change
from app.crud.filters import work_pool_condition
from app.crud.work_pools.queue_order import insert_queue
from app.errors import Conflict, NotAllowed, NotFound
from app.models import AGENT_TYPE, WorkPool, WorkQueue
from app.outbox.record import record
from app.schemas.filters import WorkPoolFilter

AGENT_POOL: Final = "default-agent-pool"
"""The pool of work queues that are created without a pool."""

NOT_FOUND: Final = "Work pool not found"
RESERVED_PREFIX: Final = "prefect"
CHANGEABLE_WHEN_RESERVED: Final = frozenset({"is_paused", "concurrency_limit"})
DEFAULT_QUEUE: Final = {
    "name": "default",
    "description": "The work pool's default queue.",
    "is_default": True,
    "priority": 1,
}


class PoolView(NamedTuple):
    """A work pool and the id of its default queue."""

    pool: WorkPool
    default_queue_id: UUID


def create_work_pool(session: Session, values: Mapping[str, Any]) -> PoolView:
    """Create a work pool with these column values, and its default queue.

    Raises:
        NotAllowed: the name is reserved.
        Conflict: a work pool with this name exists.
    """
    refuse_reserved_name(values["name"])
    created = _create(session, values)
    if created is None:
        raise Conflict("A work pool with this name already exists.")
    return created


def ensure_agent_pool(session: Session) -> None:
    """Create `AGENT_POOL` and its default queue, unless it exists."""
    _create(session, {"name": AGENT_POOL, "type": AGENT_TYPE})


def read_work_pool(session: Session, name: str) -> PoolView:
    """Return the work pool with this name.

    Raises:
        NotFound: it does not exist.
    """
    row = session.execute(_select_pools().where(WorkPool.name == name)).one_or_none()
    if row is None:
        raise NotFound(NOT_FOUND)
    return PoolView(*row)


def list_work_pools(session: Session, wanted: WorkPoolFilter | None, *, limit: int, offset: int) -> Sequence[PoolView]:
    """Return at most `limit` matching work pools after the first `offset`, by name."""
    statement = _select_pools().where(_condition(wanted)).order_by(WorkPool.name)
    return [PoolView(*row) for row in session.execute(statement.limit(limit).offset(offset))]


def count_work_pools(session: Session, wanted: WorkPoolFilter | None) -> int:
    """Return how many work pools match."""
    return session.scalars(select(func.count()).select_from(WorkPool).where(_condition(wanted))).one()


def update_work_pool(session: Session, name: str, values: Mapping[str, Any]) -> None:
    """Set these column values of the work pool. Pausing or resuming it is recorded as a separate change.

    Raises:
        NotAllowed: the name is reserved, and `values` has other columns than `is_paused` and `concurrency_limit`.
        NotFound: the pool does not exist.
    """
    if not CHANGEABLE_WHEN_RESERVED.issuperset(values):
        refuse_reserved_name(name)
    where = WorkPool.name == name
    others = {column: value for column, value in values.items() if column != "is_paused"}
    if others != values:
        # FOR UPDATE waits for heartbeats in progress, which hold FOR KEY SHARE and may change the pool's status.
        session.execute(select(WorkPool.id).where(where).with_for_update())
    changes = update_rows(session, WORK_POOL, where, others)
    if "is_paused" in values:
        changes += pause(session, WORK_POOL, where, values["is_paused"])
    if not changes:
        read_work_pool(session, name)
    record(session, changes)


def with_related(change: Change, default_queue_id: UUID) -> Change:
    """Return the creation or deletion of a pool, with the ids of the related resources added."""
    result_storage = change.row["storage_configuration"].get(RESULT_STORAGE_ID)
    return replace(change, supplied={DEFAULT_QUEUE_ID: default_queue_id, RESULT_STORAGE_ID: result_storage})


def refuse_reserved_name(name: str) -> None:
    """Check that the name is not reserved for Prefect's own pools.

    Raises:
        NotAllowed: the name is reserved.
    """
    if name.lower().startswith(RESERVED_PREFIX):
        raise NotAllowed("Work pools whose names start with 'prefect' are reserved for internal use.")


def _create(session: Session, values: Mapping[str, Any]) -> PoolView | None:
    status = first_status(values.get("is_paused", False)) if values["type"] != AGENT_TYPE else None
    pool = insert_row(session, WORK_POOL, {**values, "status": status}, ("name",))
    if pool is None:
        return None
    (queue,) = insert_queue(session, pool.row["id"], DEFAULT_QUEUE)
    record(session, [with_related(pool, queue.row["id"]), queue])
    return PoolView(session.get_one(WorkPool, pool.row["id"]), queue.row["id"])


def _select_pools() -> Select[WorkPool, UUID]:
    default_queue = and_(WorkQueue.work_pool_id == WorkPool.id, WorkQueue.is_default)
    return select(WorkPool, WorkQueue.id).join(WorkQueue, default_queue)


def _condition(wanted: WorkPoolFilter | None) -> ColumnElement[bool]:
    return work_pool_condition(wanted) if wanted is not None else true()
