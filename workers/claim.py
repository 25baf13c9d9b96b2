"""Lanes: which snapshots a worker may take, and the lock that makes it the only one."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, and_, func, literal, or_, select
from sqlalchemy.orm import Session, aliased

from app.models import SCHEMA_VERSION, SnapshotRow

LANE_LOCKS: Final = 0x61C0
"""The first of the two keys of every lane's advisory lock; the lane is the second."""

BYTES_AT_ONCE: Final = 8 * 1024 * 1024
"""How much captured state one batch holds: some ten of the largest changes, or thousands of ordinary ones."""

SUSPECTS_AT_ONCE: Final = 20
"""How many snapshots with one mark are worked on together: the second death narrows the search to these."""


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
    Those in whose hands one process died come a few at a time, and alone after the second: so the third death shows
    which of them it is, and the others have cleared themselves.
    The caller holds the lane. This is a statement of its own after the lock: under READ COMMITTED it sees what the
    holder before has committed. A resource with a failed snapshot is left out until that one is due.
    """
    in_order: dict[str, Any] = {"order_by": SnapshotRow.sequence, "rows": (None, 0)}
    running = func.sum(SnapshotRow.size).over(**in_order)
    # The sequence is given under the resource's row lock, so in its order a resource's revisions are in order too.
    first = (
        select(
            SnapshotRow.id,
            (running - SnapshotRow.size).label("before"),
            func.min(SnapshotRow.deaths).over(**in_order).label("fewest_deaths"),
            func.max(SnapshotRow.deaths).over(**in_order).label("deaths"),
            func.row_number().over(**in_order).label("number"),
        )
        .where(SnapshotRow.lane == lane, is_claimable(lane))
        .order_by(SnapshotRow.sequence)
        .limit(limit)
        .subquery("first")
    )
    few = and_(first.c.deaths == 1, first.c.number <= SUSPECTS_AT_ONCE)
    together = and_(first.c.deaths == first.c.fewest_deaths, or_(first.c.deaths == 0, few))
    statement = (
        select(SnapshotRow)
        .join(first, first.c.id == SnapshotRow.id)
        .where(first.c.before < BYTES_AT_ONCE, or_(together, first.c.number == 1))
    )
    return session.scalars(statement.order_by(SnapshotRow.sequence)).all()


def has_claimable(session: Session, lane: int) -> bool:
    """Tell whether the lane has a snapshot that `claim` would return now."""
    statement = select(SnapshotRow.id).where(SnapshotRow.lane == lane, is_claimable(lane)).limit(1)
    return session.scalar(statement) is not None


def is_claimable(lane: int) -> ColumnElement[bool]:
    """The condition that this worker may take the snapshot now: its resource is not held up, and it can be read.

    What a newer version captured is left to newer workers, and what comes after it for the same resource as well.
    """
    newer = aliased(SnapshotRow)
    # Only the snapshots of resources that have a newer one are asked for their place; the literals are in the text, so
    # that PostgreSQL can prove that the small index of newer ones holds all that is looked for.
    of_newer = (newer.lane == lane, newer.schema_version > literal(SCHEMA_VERSION, literal_execute=True))
    first_newer = (
        select(func.min(newer.revision)).where(*of_newer, newer.resource_id == SnapshotRow.resource_id)
    ).scalar_subquery()
    return and_(
        is_due(lane),
        or_(
            SnapshotRow.resource_id.not_in(select(newer.resource_id).where(*of_newer)),
            SnapshotRow.revision < first_newer,
        ),
    )


def is_due(lane: int | ColumnElement[int]) -> ColumnElement[bool]:
    """The condition that no failed or parked snapshot of the same resource stands in the way in this lane.

    The resources in the way are read first, off an index that holds nothing else: a long queue behind one of them is
    passed over without asking for each of its snapshots.
    """
    blocking = aliased(SnapshotRow)
    return SnapshotRow.resource_id.not_in(
        select(blocking.resource_id).where(
            blocking.lane == lane,
            blocking.attempts > literal(0, literal_execute=True),
            or_(blocking.parked.is_not(None), blocking.next_attempt > func.clock_timestamp()),
        )
    )
