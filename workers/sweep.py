"""Rings again for snapshots whose doorbell had no effect: the broker lost it, the API died, or a retry is due."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from app.capture.snapshot import change_label
from app.models import LANES
from workers.claim import EACH_LANE, IS_DUE

SWEEP_LOCK: Final = 0x61C1
"""The advisory lock that lets one sweep run at a time, however many beats there are."""

MIN_DOORBELLS: Final = 4
"""How many lanes are rung for at least, however many doorbells wait for the workers."""

WAITING_LANES: Final = text(f"""
SELECT lanes.lane, first.*
FROM {EACH_LANE}
CROSS JOIN LATERAL (
    SELECT id, kind, name, revision, operation
    FROM snapshot AS waiting
    WHERE waiting.lane = lanes.lane
        AND (
            waiting.captured < clock_timestamp() - CAST(:grace AS interval)
            -- The database's clock was set back after the capture, so the age is unknown.
            OR waiting.captured > clock_timestamp()
        )
        AND {IS_DUE}
    ORDER BY waiting.sequence
    LIMIT 1
) AS first
ORDER BY lanes.lane
""")


@dataclass(frozen=True, slots=True)
class Waiting:
    """A lane in which a snapshot has waited too long: the first one that is due, and a text for the operator."""

    lane: int
    snapshot_id: UUID
    label: str


def sweep(session: Session, grace: float, ring: Callable[[Waiting], None], queued: int = 0) -> int:
    """Ring once for each lane with a snapshot that is due and older than `grace` seconds; return how many.

    There is at most one doorbell per lane whatever the backlog, and none while another sweep runs. `queued` is the
    number of doorbells that the workers have not answered yet. Together with the new ones they do not exceed the number
    of lanes, but there are always `MIN_DOORBELLS` new ones, for lanes chosen at random, so that each lane has its turn
    while workers are behind.

    It also rings for snapshots that only a newer worker can read: while versions run side by side, any of them may do
    the sweep and any may answer the doorbell. An older worker that answers does nothing; the next sweep rings again.
    """
    if not session.scalar(select(func.pg_try_advisory_xact_lock(SWEEP_LOCK))):
        return 0
    waiting = waiting_lanes(session, grace)
    room = max(LANES - queued, MIN_DOORBELLS)
    if len(waiting) > room:
        waiting = random.sample(waiting, room)
    for lane in waiting:
        ring(lane)
    return len(waiting)


def waiting_lanes(session: Session, grace: float) -> Sequence[Waiting]:
    """Return the lanes in which a snapshot has waited too long: one index look-up for each lane, in one statement."""
    parameters = {"lanes": list(range(LANES)), "grace": timedelta(seconds=grace)}
    rows = session.execute(WAITING_LANES, parameters).all()
    return [
        Waiting(row.lane, row.id, f"lane {row.lane}: {change_label(row.kind, row.name, row.operation, row.revision)}")
        for row in rows
    ]
