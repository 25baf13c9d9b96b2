"""Work pools: created with their default queue, read, listed and changed. `app.crud.deletions` deletes them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, NamedTuple
from uuid import UUID

from sqlalchemy import Select, and_, func, select, true
from sqlalchemy.orm import Session

from app.capture.kinds import DEFAULT_QUEUE_ID, RESULT_STORAGE_ID, WORK_POOL
from app.capture.readiness import first_status, pause
from app.capture.snapshot import Change
from app.capture.tracked import insert_row, update_rows
from app.crud.filters import Condition, work_pool_condition
from app.crud.work_pools.queue_order import insert_queue
from app.errors import Conflict, NotAllowed, NotFound
from app.models import AGENT_TYPE, WorkPool, WorkQueue
from app.outbox.record import record
from app.schemas.filters import WorkPoolFilter

AGENT_POOL: Final = "default-agent-pool"
"""The pool of the queues that were created without one."""

NOT_FOUND: Final = "Work pool not found"
RESERVED_PREFIX: Final = "prefect"
CHANGEABLE_WHEN_RESERVED: Final = frozenset({"is_paused", "concurrency_limit"})
DEFAULT_QUEUE: Final = {
    "name": "default",
    "description": "The work pool's default queue.",
    "is_default": True,
    "priority": 1,
}


class FoundPool(NamedTuple):
    """A work pool and the id of its default queue."""

    pool: WorkPool
    default_queue_id: UUID


def create_work_pool(session: Session, values: Mapping[str, Any]) -> FoundPool:
    """Create a work pool with these column values, and its default queue.

    Raises:
        NotAllowed: the name is reserved.
        Conflict: the name is taken.
    """
    refuse_reserved_name(values["name"])
    created = _create(session, values)
    if created is None:
        raise Conflict("A work pool with this name already exists.")
    return created


def ensure_agent_pool(session: Session) -> None:
    """Create the pool of the queues without one, with its default queue, unless it exists."""
    _create(session, {"name": AGENT_POOL, "type": AGENT_TYPE})


def read_work_pool(session: Session, name: str) -> FoundPool:
    """Return the work pool of that name.

    Raises:
        NotFound: there is none.
    """
    row = session.execute(_found_pools().where(WorkPool.name == name)).one_or_none()
    if row is None:
        raise NotFound(NOT_FOUND)
    return FoundPool(*row)


def list_work_pools(session: Session, wanted: WorkPoolFilter | None, *, limit: int, offset: int) -> Sequence[FoundPool]:
    """Return a window of the matching work pools, by name."""
    statement = _found_pools().where(_matching(wanted)).order_by(WorkPool.name)
    return [FoundPool(*row) for row in session.execute(statement.limit(limit).offset(offset))]


def count_work_pools(session: Session, wanted: WorkPoolFilter | None) -> int:
    """Return how many work pools match."""
    return session.scalars(select(func.count()).select_from(WorkPool).where(_matching(wanted))).one()


def update_work_pool(session: Session, name: str, values: Mapping[str, Any]) -> None:
    """Give the work pool of that name these column values. That it is paused or resumed is a change of its own.

    Raises:
        NotAllowed: the name is reserved, and more would change than being paused and the concurrency limit.
        NotFound: there is none.
    """
    if not CHANGEABLE_WHEN_RESERVED.issuperset(values):
        refuse_reserved_name(name)
    where = WorkPool.name == name
    others = {column: value for column, value in values.items() if column != "is_paused"}
    if others != values:
        # Alone with the pool: a worker that is heard at this moment is heard before or after.
        session.execute(select(WorkPool.id).where(where).with_for_update())
    changes = update_rows(session, WORK_POOL, where, others)
    if "is_paused" in values:
        changes += pause(session, WORK_POOL, where, values["is_paused"])
    if not changes:
        read_work_pool(session, name)
    record(session, changes)


def with_related(change: Change, default_queue_id: UUID) -> Change:
    """Return the creation or the deletion of a pool with the ids of the resources that it relates to."""
    result_storage = change.row["storage_configuration"].get(RESULT_STORAGE_ID)
    return replace(change, given={DEFAULT_QUEUE_ID: default_queue_id, RESULT_STORAGE_ID: result_storage})


def refuse_reserved_name(name: str) -> None:
    """Refuse a name that is kept for Prefect's own pools.

    Raises:
        NotAllowed: it is one.
    """
    if name.lower().startswith(RESERVED_PREFIX):
        raise NotAllowed("Work pools whose names start with 'prefect' are reserved for internal use.")


def _create(session: Session, values: Mapping[str, Any]) -> FoundPool | None:
    status = first_status(values.get("is_paused", False)) if values["type"] != AGENT_TYPE else None
    pool = insert_row(session, WORK_POOL, {**values, "status": status}, ("name",))
    if pool is None:
        return None
    (queue,) = insert_queue(session, pool.row["id"], DEFAULT_QUEUE)
    record(session, [with_related(pool, queue.row["id"]), queue])
    return FoundPool(session.get_one(WorkPool, pool.row["id"]), queue.row["id"])


def _found_pools() -> Select[WorkPool, UUID]:
    default_queue = and_(WorkQueue.work_pool_id == WorkPool.id, WorkQueue.is_default)
    return select(WorkPool, WorkQueue.id).join(WorkQueue, default_queue)


def _matching(wanted: WorkPoolFilter | None) -> Condition:
    return work_pool_condition(wanted) if wanted is not None else true()
