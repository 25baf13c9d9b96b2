"""Creates, reads, lists and updates work queues, and finds the queue of a deployment.

`app.crud.deletions` deletes them.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, exists, func, select, true
from sqlalchemy.orm import Session

from app.capture.kinds import WORK_QUEUE
from app.capture.readiness import pause, refresh_status
from app.capture.row_changes import update_rows
from app.crud.filters import work_queue_condition
from app.crud.work_pools.pools import AGENT_POOL, ensure_agent_pool, read_work_pool
from app.crud.work_pools.pools import NOT_FOUND as POOL_NOT_FOUND
from app.crud.work_pools.queue_order import insert_queue, lock_pool, make_room
from app.errors import Conflict, NotFound
from app.models import WorkPool, WorkQueue
from app.outbox.record import record
from app.postgres.base import core_table
from app.schemas.filters import WorkQueueFilter

NOT_FOUND: Final = "Work queue not found"
NAME_TAKEN: Final = "A work queue with this name already exists in its work pool."


class QueueView(NamedTuple):
    """A work queue and the name of its pool."""

    queue: WorkQueue
    pool_name: str


def create_work_queue(session: Session, pool_name: str | None, values: Mapping[str, Any]) -> QueueView:
    """Create a work queue with these column values in the pool, or in `AGENT_POOL` if `pool_name` is None.

    Raises:
        NotFound: the pool does not exist.
        Conflict: the pool has a queue with this name.
    """
    pool = _lock_pool_named(session, pool_name)
    changes = insert_queue(session, pool.id, values)
    if not changes:
        raise Conflict(NAME_TAKEN)
    record(session, changes)
    return QueueView(session.get_one(WorkQueue, changes[0].row["id"]), pool.name)


def resolve_queue(session: Session, work_pool_name: str | None, work_queue_name: str | None) -> UUID | None:
    """Return the id of the work queue with these names, locked against deletion until the transaction ends.

    A pool name alone means the default queue of the pool. A queue name alone means a queue of `AGENT_POOL`, which is
    created if it does not exist. A queue that does not exist is created; concurrent callers get the same queue.

    Returns:
        The id, or None if both names are None.

    Raises:
        NotFound: the pool does not exist.
    """
    if work_pool_name is None and work_queue_name is None:
        return None
    is_named = is_queue_named(work_pool_name if work_pool_name is not None else AGENT_POOL, work_queue_name)
    queue_id = _find_queue_for_key_share(session, is_named)
    if queue_id is not None:
        return queue_id
    pool = _lock_pool_named(session, work_pool_name)
    if work_queue_name is not None:
        # If another transaction created the queue while this one waited for the pool, this changes nothing.
        record(session, insert_queue(session, pool.id, {"name": work_queue_name}))
    queue_id = _find_queue_for_key_share(session, is_named)
    assert queue_id is not None, "queues of a locked pool cannot be deleted, and every pool has a default queue"
    return queue_id


def is_queue_named(pool: str | ColumnElement[str], queue: str | ColumnElement[str] | None) -> ColumnElement[bool]:
    """Return the condition that a joined queue and pool have these names. Without a queue name: the default queue."""
    queues = core_table(WorkQueue).c
    named = queues.name == queue if queue is not None else queues.is_default.is_(True)
    return and_(core_table(WorkPool).c.name == pool, named)


def read_work_queue(session: Session, queue_id: UUID) -> QueueView:
    """Return the work queue with this id.

    Raises:
        NotFound: it does not exist.
    """
    row = session.execute(_select_queues().where(WorkQueue.id == queue_id)).one_or_none()
    if row is None:
        raise NotFound(NOT_FOUND)
    return QueueView(*row)


def read_work_queue_by_name(session: Session, pool_name: str, name: str) -> QueueView:
    """Return the work queue with this name in the pool with this name.

    Raises:
        NotFound: it does not exist.
    """
    statement = _select_queues().where(WorkPool.name == pool_name, WorkQueue.name == name)
    row = session.execute(statement).one_or_none()
    if row is None:
        raise NotFound(NOT_FOUND)
    return QueueView(*row)


def list_work_queues(
    session: Session, wanted: WorkQueueFilter | None, *, limit: int, offset: int
) -> Sequence[QueueView]:
    """Return at most `limit` matching work queues of all pools after the first `offset`, by name."""
    return _list(session, wanted, true(), [WorkQueue.name, WorkPool.name], limit, offset)


def list_queues_of_pool(
    session: Session, pool_name: str, wanted: WorkQueueFilter | None, *, limit: int, offset: int
) -> Sequence[QueueView]:
    """Return at most `limit` matching work queues of one pool after the first `offset`, by priority.

    Raises:
        NotFound: the pool does not exist.
    """
    in_pool = WorkQueue.work_pool_id == read_work_pool(session, pool_name).pool.id
    return _list(session, wanted, in_pool, [WorkQueue.priority, WorkQueue.name], limit, offset)


def count_queues_of_pool(session: Session, pool_id: UUID) -> int:
    """Return how many work queues the pool has."""
    statement = select(func.count()).select_from(WorkQueue).where(WorkQueue.work_pool_id == pool_id)
    return session.scalars(statement).one()


def update_work_queue(session: Session, queue_id: UUID, values: Mapping[str, Any]) -> None:
    """Set these column values of the work queue. If its new priority is taken, other queues move down.

    Pausing or resuming it is recorded as a separate change, and so is a new status because of `last_polled`.

    Raises:
        NotFound: the queue does not exist.
        Conflict: another queue of the pool has the new name.
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
        changes += refresh_status(session, WORK_QUEUE, where)
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


def _find_queue_for_key_share(session: Session, where: ColumnElement[bool]) -> UUID | None:
    statement = select(WorkQueue.id).join(WorkPool, WorkPool.id == WorkQueue.work_pool_id).where(where)
    return session.scalars(statement.with_for_update(read=True, key_share=True, of=WorkQueue)).one_or_none()


def _select_queues() -> Select[WorkQueue, str]:
    return select(WorkQueue, WorkPool.name).join(WorkPool, WorkPool.id == WorkQueue.work_pool_id)


def _list(
    session: Session,
    wanted: WorkQueueFilter | None,
    where: ColumnElement[bool],
    order: Sequence[Any],
    limit: int,
    offset: int,
) -> Sequence[QueueView]:
    condition = work_queue_condition(wanted) if wanted is not None else true()
    statement = _select_queues().where(where, condition).order_by(*order).limit(limit).offset(offset)
    return [QueueView(*row) for row in session.execute(statement)]


def _is_taken(session: Session, queue: WorkQueue, name: str) -> bool:
    others = (WorkQueue.work_pool_id == queue.work_pool_id, WorkQueue.id != queue.id)
    return session.scalars(select(exists().where(*others, WorkQueue.name == name))).one()
