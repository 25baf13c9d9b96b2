"""How the outbox stands: what waits, for how long, and what is stuck."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Float, Select, and_, cast, func, select, true
from sqlalchemy.orm import Session

from app.models import SCHEMA_VERSION, EventLog, SnapshotRow


@dataclass(frozen=True, slots=True)
class OutboxStatus:
    """How many changes wait for their events, and how far the log is.

    `pending` snapshots are all that are not parked. Of these, `waiting` stand behind a parked one of the same
    resource, `retrying` have failed before, and `newer` were captured by a newer version than this process is, so that
    only newer workers can take them. `rescued` counts the events that only the sweep found.
    """

    pending: int
    oldest_pending_seconds: float | None
    parked: int
    waiting: int
    retrying: int
    newer: int
    position: int
    rescued: int


def status(session: Session) -> OutboxStatus:
    """Return how the outbox stands, in one statement; ages are by the database's clock."""
    return OutboxStatus(*session.execute(_statement()).one())


def _statement() -> Select[Any]:
    snapshot = SnapshotRow.__table__
    parked, pending = snapshot.c.parked.is_not(None), snapshot.c.parked.is_(None)
    # A parked snapshot has failed before; saying so lets the small index of failed ones find them.
    stuck = (
        select(snapshot.c.kind, snapshot.c.resource_id, func.min(snapshot.c.revision).label("revision"))
        .where(parked, snapshot.c.attempts > 0)
        .group_by(snapshot.c.kind, snapshot.c.resource_id)
        .subquery("stuck")
    )
    age = func.extract("epoch", func.clock_timestamp() - func.min(snapshot.c.captured).filter(pending))
    counts = (
        select(
            func.count().filter(pending).label("pending"),
            cast(age, Float).label("oldest"),
            func.count().filter(parked).label("parked"),
            func.count().filter(pending, snapshot.c.revision > stuck.c.revision).label("waiting"),
            func.count().filter(pending, snapshot.c.attempts > 0).label("retrying"),
            func.count().filter(pending, snapshot.c.schema_version > SCHEMA_VERSION).label("newer"),
        )
        .join_from(
            snapshot,
            stuck,
            and_(snapshot.c.kind == stuck.c.kind, snapshot.c.resource_id == stuck.c.resource_id),
            isouter=True,
        )
        .subquery("counts")
    )
    return select(counts, EventLog.position, EventLog.rescued).select_from(EventLog).join(counts, true())
