"""Lanes: which snapshots a worker may take, and the lock that makes it the only one."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import Session, aliased

from app.models import SnapshotRow

LANE_LOCKS: Final = 0x61C0
"""The first of the two keys of every lane's advisory lock; the lane is the second."""

BYTES_AT_ONCE: Final = 8 * 1024 * 1024
"""How much captured state one batch holds: some ten of the largest changes, or thousands of ordinary ones."""


def lanes_of(session: Session, snapshot_ids: Sequence[UUID]) -> list[int]:
    """Return the lanes of those of the snapshots that still wait, each once, in order."""
    statement = select(SnapshotRow.lane).where(SnapshotRow.id.in_(snapshot_ids)).distinct()
    return sorted(session.scalars(statement))


def lock_lane(session: Session, lane: int) -> datetime | None:
    """Take the lane until the transaction ends and return the database's time, or None when another worker has it.

    The lock goes with the connection, so the lane of a killed worker is free at once: no lease, no zombie.
    """
    locked, now = session.execute(
        select(func.pg_try_advisory_xact_lock(LANE_LOCKS, lane), func.clock_timestamp())
    ).one()
    return now if locked else None


def claim(session: Session, lane: int, limit: int) -> Sequence[SnapshotRow]:
    """Return the lane's next snapshots, at most `limit`, in revision order for each resource.

    They hold `BYTES_AT_ONCE` at most, or are one: a transaction must end well within its time whatever was captured.
    The caller holds the lane. This is a statement of its own after the lock: under READ COMMITTED it sees what the
    holder before has committed. A resource with a failed snapshot is left out until that one is due.
    """
    running = func.sum(SnapshotRow.size).over(order_by=SnapshotRow.sequence, rows=(None, 0))
    # The sequence is given under the resource's row lock, so in its order a resource's revisions are in order too.
    first = (
        select(SnapshotRow.id, (running - SnapshotRow.size).label("before"))
        .where(SnapshotRow.lane == lane, is_claimable(lane))
        .order_by(SnapshotRow.sequence)
        .limit(limit)
        .subquery("first")
    )
    statement = select(SnapshotRow).join(first, first.c.id == SnapshotRow.id).where(first.c.before < BYTES_AT_ONCE)
    return session.scalars(statement.order_by(SnapshotRow.sequence)).all()


def has_claimable(session: Session, lane: int) -> bool:
    """Tell whether the lane has a snapshot that `claim` would return now."""
    statement = select(SnapshotRow.id).where(SnapshotRow.lane == lane, is_claimable(lane)).limit(1)
    return session.scalar(statement) is not None


def is_claimable(lane: int | ColumnElement[int]) -> ColumnElement[bool]:
    """The condition that no failed or parked snapshot of the same resource stands in the way in this lane.

    The resources in the way are read first, off an index that holds nothing else: a long queue behind one of them is
    passed over without asking for each of its snapshots.
    """
    blocking = aliased(SnapshotRow)
    return SnapshotRow.resource_id.not_in(
        select(blocking.resource_id).where(
            blocking.lane == lane,
            blocking.attempts > 0,
            or_(blocking.parked.is_not(None), blocking.next_attempt > func.clock_timestamp()),
        )
    )
