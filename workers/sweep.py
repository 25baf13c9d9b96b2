"""Finds snapshots for which no doorbell did its work: the broker lost it, the API died, a retry is due."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Interval, Select, bindparam, func, lateral, or_, select, true
from sqlalchemy.orm import Session

from app.models import LANES, SnapshotRow
from workers.claim import each_lane, is_due

SWEEP_LOCK: Final = 0x61C1
"""The advisory lock that elects one sweep at a time, however many beats there are."""

FEWEST: Final = 4
"""So many lanes are rung for at least, however many doorbells wait for the workers."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A lane in which something waits for too long: its first snapshot that is due, and a text for the operator."""

    lane: int
    snapshot_id: UUID
    label: str


def sweep(session: Session, grace: float, ring: Callable[[Waiting], None], queued: int = 0) -> int:
    """Ring once for each lane with a snapshot that is due and older than `grace` seconds; return how many.

    At most one doorbell a lane whatever the backlog, and none when another sweep is at it. With the `queued` doorbells
    that workers have not answered yet there are no more of them than lanes, but always `FEWEST`: they are for lanes
    at random, so that each has its turn while workers are behind for long. It rings for what only a
    newer worker can read as well: while versions run side by side, any of them may do the sweep and any may answer
    the doorbell. An older one that answers does nothing, and the next sweep rings again.
    """
    if not session.scalar(select(func.pg_try_advisory_xact_lock(SWEEP_LOCK))):
        return 0
    waiting = waiting_lanes(session, grace)
    room = max(LANES - queued, FEWEST)
    if len(waiting) > room:
        waiting = random.sample(waiting, room)
    for lane in waiting:
        ring(lane)
    return len(waiting)


def waiting_lanes(session: Session, grace: float) -> Sequence[Waiting]:
    """Return the lanes in which something waits for too long: one index look-up for each, in one statement."""
    parameters = {"lanes": list(range(LANES)), "grace": timedelta(seconds=grace)}
    rows = session.execute(_waiting_lanes(), parameters).all()
    return [
        Waiting(row.lane, row.id, _label(row.lane, row.kind, row.operation, row.resource_id, row.revision))
        for row in rows
    ]


@lru_cache
def _waiting_lanes() -> Select[Any]:
    lanes = each_lane()
    first = lateral(
        select(SnapshotRow.id, SnapshotRow.kind, SnapshotRow.resource_id, SnapshotRow.revision, SnapshotRow.operation)
        .where(
            SnapshotRow.lane == lanes.c.lane,
            or_(
                SnapshotRow.captured < func.clock_timestamp() - bindparam("grace", type_=Interval()),
                # The database's clock was put back since: nobody knows how old it is.
                SnapshotRow.captured > func.clock_timestamp(),
            ),
            is_due(),
        )
        .order_by(SnapshotRow.sequence)
        .limit(1),
        name="first",
    )
    return select(lanes.c.lane, first).join_from(lanes, first, true()).order_by(lanes.c.lane)


def _label(lane: int, kind: str, operation: str, resource_id: UUID, revision: int) -> str:
    return f"swept lane {lane}: {operation} prefect.{kind}.{resource_id} revision {revision}"
