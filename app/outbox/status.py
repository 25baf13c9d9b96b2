"""The status of the outbox: how many snapshots wait, for how long, and how many are parked."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Float, Select, and_, cast, func, select, true
from sqlalchemy.orm import Session

from app.models import SCHEMA_VERSION, EventLog, SnapshotRow


@dataclass(frozen=True, slots=True)
class OutboxStatus:
    """The number of snapshots in the outbox, by state, and the position of the log.

    Attributes:
        pending: snapshots that are not parked. `waiting`, `retrying` and `newer` are among them.
        oldest_pending_seconds: the age of the oldest pending snapshot; None if there is none.
        parked: snapshots that wait for an operator's decision.
        waiting: snapshots that wait for a parked one of the same resource.
        retrying: snapshots that have failed before.
        newer: snapshots from a newer version than this process, which only newer workers can take.
        position: the position of the last event in the log.
        rescued: the number of events whose snapshots only the sweep found.
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
    """Return the status of the outbox, in one statement. Ages are by the database's clock."""
    return OutboxStatus(*session.execute(_statement()).one())


def _statement() -> Select[Any]:
    snapshot = SnapshotRow.__table__
    parked, pending = snapshot.c.parked.is_not(None), snapshot.c.parked.is_(None)
    # Every parked snapshot has failed attempts. The redundant condition makes PostgreSQL use the small partial index.
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
