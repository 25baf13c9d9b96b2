"""Work queues: created in a pool, found for a deployment, read, listed and changed.

`app.crud.deletions` deletes them.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, exists, func, select, true
from sqlalchemy.orm import Session

from app.capture.kinds import WORK_QUEUE
from app.capture.readiness import pause, settle
from app.capture.tracked import update_rows
from app.crud.filters import Condition, work_queue_condition
from app.crud.work_pools.pools import AGENT_POOL, ensure_agent_pool, read_work_pool
from app.crud.work_pools.pools import NOT_FOUND as POOL_NOT_FOUND
from app.crud.work_pools.queue_order import insert_queue, lock_pool, make_room
from app.errors import Conflict, NotFound
from app.models import WorkPool, WorkQueue
from app.outbox.record import record
from app.postgres.engine import core_table
from app.schemas.filters import WorkQueueFilter

NOT_FOUND: Final = "Work queue not found"
NAME_TAKEN: Final = "A work queue with this name already exists in its work pool."


class FoundQueue(NamedTuple):
    """A work queue and the name of its pool."""

    queue: WorkQueue
    pool_name: str


def create_work_queue(session: Session, pool_name: str | None, values: Mapping[str, Any]) -> FoundQueue:
    """Create a work queue with these column values in the pool, or in the agents' pool when None.

    Raises:
        NotFound: there is no such pool.
        Conflict: the name is taken in that pool.
    """
    pool = _lock_pool_named(session, pool_name)
    changes = insert_queue(session, pool.id, values)
    if not changes:
        raise Conflict(NAME_TAKEN)
    record(session, changes)
    return FoundQueue(session.get_one(WorkQueue, changes[0].row["id"]), pool.name)


def resolve_queue(session: Session, work_pool_name: str | None, work_queue_name: str | None) -> UUID | None:
    """Return the id of the work queue that a deployment is meant for; it cannot be deleted in this transaction.

    A pool alone means its default queue. A queue that does not exist yet is created, and so is the agents' pool that
    a queue without a pool belongs to; of any number of concurrent callers each gets the same queue.

    Returns:
        The id, or None when neither name is given.

    Raises:
        NotFound: there is no such pool.
    """
    if work_pool_name is None and work_queue_name is None:
        return None
    which = named_queue(work_pool_name if work_pool_name is not None else AGENT_POOL, work_queue_name)
    found = _hold_queue(session, which)
    if found is not None:
        return found
    pool = _lock_pool_named(session, work_pool_name)
    if work_queue_name is not None:
        # The caller before us may have created it while we waited for the pool: then this changes nothing.
        record(session, insert_queue(session, pool.id, {"name": work_queue_name}))
    found = _hold_queue(session, which)
    assert found is not None, "nobody else takes a queue out of a locked pool, and a default queue is never missing"
    return found


def named_queue(pool: str | ColumnElement[str], queue: str | ColumnElement[str] | None) -> ColumnElement[bool]:
    """Return the condition on queues and pools that a queue has these names; a pool alone means its default queue."""
    queues = core_table(WorkQueue).c
    named = queues.name == queue if queue is not None else queues.is_default.is_(True)
    return and_(core_table(WorkPool).c.name == pool, named)


def read_work_queue(session: Session, queue_id: UUID) -> FoundQueue:
    """Return the work queue of that id.

    Raises:
        NotFound: there is none.
    """
    row = session.execute(_found_queues().where(WorkQueue.id == queue_id)).one_or_none()
    if row is None:
        raise NotFound(NOT_FOUND)
    return FoundQueue(*row)


def read_work_queue_by_name(session: Session, pool_name: str, name: str) -> FoundQueue:
    """Return the work queue of that name in the pool of that name.

    Raises:
        NotFound: there is none.
    """
    wanted = _found_queues().where(WorkPool.name == pool_name, WorkQueue.name == name)
    row = session.execute(wanted).one_or_none()
    if row is None:
        raise NotFound(NOT_FOUND)
    return FoundQueue(*row)


def list_work_queues(
    session: Session, wanted: WorkQueueFilter | None, *, limit: int, offset: int
) -> Sequence[FoundQueue]:
    """Return a window of the matching work queues of all pools, by name."""
    return _list(session, wanted, true(), [WorkQueue.name, WorkPool.name], limit, offset)


def list_queues_of_pool(
    session: Session, pool_name: str, wanted: WorkQueueFilter | None, *, limit: int, offset: int
) -> Sequence[FoundQueue]:
    """Return a window of the matching work queues of one pool, by priority.

    Raises:
        NotFound: there is no such pool.
    """
    in_pool = WorkQueue.work_pool_id == read_work_pool(session, pool_name).pool.id
    return _list(session, wanted, in_pool, [WorkQueue.priority, WorkQueue.name], limit, offset)


def count_queues_of_pool(session: Session, pool_id: UUID) -> int:
    """Return how many work queues the pool has."""
    statement = select(func.count()).select_from(WorkQueue).where(WorkQueue.work_pool_id == pool_id)
    return session.scalars(statement).one()


def update_work_queue(session: Session, queue_id: UUID, values: Mapping[str, Any]) -> None:
    """Give the work queue these column values; the queues in the way of its new priority move down.

    That it is paused or resumed is a change of its own, and so is what its time of the last poll does to its status.

    Raises:
        NotFound: there is no such queue.
        Conflict: its new name is taken in its pool.
    """
    pool_id = read_work_queue(session, queue_id).queue.work_pool_id
    lock_pool(session, WorkPool.id == pool_id)
    queue = session.get(WorkQueue, queue_id, populate_existing=True)
    if queue is None:
        raise NotFound(NOT_FOUND)
    if "name" in values and _is_taken(session, queue, values["name"]):
        raise Conflict(NAME_TAKEN)
    where = WorkQueue.id == queue_id
    others = {column: value for column, value in values.items() if column != "is_paused"}
    changes = update_rows(session, WORK_QUEUE, where, others)
    if values.get("priority", queue.priority) != queue.priority:
        changes += make_room(session, changes[0])
    if "is_paused" in values:
        changes += pause(session, WORK_QUEUE, where, values["is_paused"])
    if "last_polled" in values:
        changes += settle(session, WORK_QUEUE, where)
    record(session, changes)


def _lock_pool_named(session: Session, name: str | None) -> WorkPool:
    pool_name = name if name is not None else AGENT_POOL
    pool = lock_pool(session, WorkPool.name == pool_name)
    while pool is None and name is None:
        ensure_agent_pool(session)
        pool = lock_pool(session, WorkPool.name == pool_name)
    if pool is None:
        raise NotFound(POOL_NOT_FOUND)
    return pool


def _hold_queue(session: Session, which: ColumnElement[bool]) -> UUID | None:
    statement = select(WorkQueue.id).join(WorkPool, WorkPool.id == WorkQueue.work_pool_id).where(which)
    return session.scalars(statement.with_for_update(read=True, key_share=True, of=WorkQueue)).one_or_none()


def _found_queues() -> Select[WorkQueue, str]:
    return select(WorkQueue, WorkPool.name).join(WorkPool, WorkPool.id == WorkQueue.work_pool_id)


def _list(
    session: Session,
    wanted: WorkQueueFilter | None,
    where: Condition,
    order: Sequence[Any],
    limit: int,
    offset: int,
) -> Sequence[FoundQueue]:
    condition = work_queue_condition(wanted) if wanted is not None else true()
    statement = _found_queues().where(where, condition).order_by(*order).limit(limit).offset(offset)
    return [FoundQueue(*row) for row in session.execute(statement)]


def _is_taken(session: Session, queue: WorkQueue, name: str) -> bool:
    others = (WorkQueue.work_pool_id == queue.work_pool_id, WorkQueue.id != queue.id)
    return session.scalars(select(exists().where(*others, WorkQueue.name == name))).one()
