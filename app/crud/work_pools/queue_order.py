"""Keeps the priorities of the work queues in a pool unique. Priority 1 is served first.

The caller must hold the lock of `lock_pool`, or must have just created the pool. So only one transaction at a time
adds, moves or renames queues of a pool.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import count
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from app.capture.kinds import WORK_QUEUE
from app.capture.readiness import first_status
from app.capture.row_changes import insert_row, update_rows
from app.capture.snapshot import Change
from app.models import WorkPool, WorkQueue

Place = tuple[UUID, int]


def lock_pool(session: Session, where: ColumnElement[bool]) -> WorkPool | None:
    """Return the matching work pool, locked against its deletion and against other changes of its queues.

    Other transactions can still insert references to the pool and to its queues.
    """
    return session.scalars(select(WorkPool).where(where).with_for_update(key_share=True)).one_or_none()


def insert_queue(session: Session, pool_id: UUID, values: Mapping[str, Any]) -> list[Change]:
    """Create a work queue in the pool with these column values, unless the pool has a queue with this name.

    If another queue has the same `priority`, that one and the next ones move down. With the priority None, the queue
    gets the first free one.

    Returns:
        The changes for the caller to record: the queue's creation, then the moved queues. Empty if the name is taken.
    """
    others = _places(session, pool_id)
    wanted = values.get("priority")
    priority = wanted if wanted is not None else first_free(place for _, place in others)
    status = first_status(values.get("is_paused", False))
    row = {**values, "work_pool_id": pool_id, "priority": priority, "status": status}
    created = insert_row(session, WORK_QUEUE, row, ("work_pool_id", "name"))
    if created is None:
        return []
    return [created, *_move(session, moved_down(others, priority), created)]


def make_room(session: Session, moved: Change) -> list[Change]:
    """Move other queues of the pool down so that a queue that has moved keeps its priority. Return these changes."""
    queue = moved.row
    others = [place for place in _places(session, queue["work_pool_id"]) if place[0] != queue["id"]]
    return _move(session, moved_down(others, queue["priority"]), moved)


def first_free(taken: Iterable[int]) -> int:
    """Return the smallest priority, from 1, that is not in `taken`."""
    places = set(taken)
    return next(place for place in count(1) if place not in places)


def moved_down(others: Sequence[Place], priority: int) -> dict[UUID, int]:
    """Return the new priorities of the queues that must move so that `priority` becomes free.

    Each queue from there on moves down by one, up to the first gap. Their order stays the same.
    """
    moved = {}
    last = priority
    for id_, place in sorted(others, key=lambda other: other[1]):
        if place < priority:
            continue
        if place > last:
            break
        last += 1
        moved[id_] = last
    return moved


def _places(session: Session, pool_id: UUID) -> list[Place]:
    statement = select(WorkQueue.id, WorkQueue.priority).where(WorkQueue.work_pool_id == pool_id)
    return [(id_, place) for id_, place in session.execute(statement.order_by(WorkQueue.priority, WorkQueue.created))]


def _move(session: Session, places: Mapping[UUID, int], cause: Change) -> list[Change]:
    return [
        change
        for id_ in sorted(places)
        for change in update_rows(
            session, WORK_QUEUE, WorkQueue.id == id_, {"priority": places[id_]}, cause=cause.occurred
        )
    ]
