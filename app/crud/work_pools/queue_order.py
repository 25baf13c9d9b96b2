"""The places of work queues in their pool: 1 is served first, and no two queues share a place.

Every function here is for a caller that holds the lock of `lock_pool`, or has just created the pool: whoever puts a
queue into a pool, moves or renames one does it alone.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import count
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.capture.kinds import WORK_QUEUE
from app.capture.readiness import first_status
from app.capture.snapshot import Change
from app.capture.tracked import insert_row, update_rows
from app.crud.filters import Condition
from app.models import WorkPool, WorkQueue

Place = tuple[UUID, int]


def lock_pool(session: Session, where: Condition) -> WorkPool | None:
    """Return the work pool that matches, locked against other changes of its queues and its own deletion.

    References to the pool and to its queues can still be made meanwhile.
    """
    return session.scalars(select(WorkPool).where(where).with_for_update(key_share=True)).one_or_none()


def insert_queue(session: Session, pool_id: UUID, values: Mapping[str, Any]) -> list[Change]:
    """Create a work queue in the pool with these column values, unless its name is taken there.

    With a `priority` it takes that place, and the queues in its way move down; with None it takes the first free one.

    Returns:
        The changes, for the caller to record: the queue's creation, then those that moved; none when the name is taken.
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
    """Move the other queues of the pool out of the way of a queue that has moved, and return these changes."""
    queue = moved.row
    others = [place for place in _places(session, queue["work_pool_id"]) if place[0] != queue["id"]]
    return _move(session, moved_down(others, queue["priority"]), moved)


def first_free(taken: Iterable[int]) -> int:
    """Return the smallest place, from 1, that is not taken."""
    places = set(taken)
    return next(place for place in count(1) if place not in places)


def moved_down(others: Sequence[Place], priority: int) -> dict[UUID, int]:
    """Return the new places of the queues that must move so that `priority` becomes free.

    Each queue from there on moves down by one until the first gap; the order among them stays.
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
