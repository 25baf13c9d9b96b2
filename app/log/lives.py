"""Reads the whole life of resources: their events by revision, and what is not in the log yet."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.capture.resource_kind import ResourceKind
from app.log.patterns import is_one_of
from app.log.state import Phase, State, rebuild
from app.models import EventRow, SnapshotRow


@dataclass(frozen=True, slots=True)
class Life:
    """One resource: its events by revision, and the times of its changes that wait for their events."""

    kind: ResourceKind
    id: UUID
    events: Sequence[EventRow]
    pending: Sequence[datetime]

    @property
    def resource_id(self) -> str:
        """Return the id that its events carry."""
        return self.kind.resource_id(self.id)

    @property
    def began(self) -> datetime:
        """Return the time of its first change, or of the first that is known of."""
        times = [*(event.occurred for event in self.events[:1]), *self.pending]
        return min(times, default=datetime.max.replace(tzinfo=UTC))

    def until(self, moment: datetime) -> "Life":
        """Return what was to be told of it at that moment."""
        return Life(
            self.kind,
            self.id,
            [event for event in self.events if event.occurred <= moment],
            [time for time in self.pending if time <= moment],
        )

    def state(self) -> State:
        """Return the state after its events."""
        return rebuild(self.kind, self.events)

    def phase(self) -> Phase:
        """Return where it is in its life after its events."""
        return self.state().phase


def read_lives(session: Session, kind: ResourceKind, ids: Collection[UUID]) -> list[Life]:
    """Return the lives of these resources, the one that began first first.

    Log and outbox are read one after the other: the session has to see one moment, or a change between them is missed.
    """
    events: dict[str, list[EventRow]] = defaultdict(list)
    logged = (
        select(EventRow)
        .where(
            is_one_of(EventRow.resource_id.expression, [kind.resource_id(id_) for id_ in ids]),
            EventRow.revision.is_not(None),
        )
        .order_by(EventRow.resource_id, EventRow.revision)
    )
    for event in session.scalars(logged):
        events[event.resource_id].append(event)
    pending: dict[UUID, list[datetime]] = defaultdict(list)
    waiting = (
        select(SnapshotRow.resource_id, SnapshotRow.occurred)
        .where(SnapshotRow.resource_id.in_(ids))
        .order_by(SnapshotRow.revision)
    )
    for id_, occurred in session.execute(waiting):
        pending[id_].append(occurred)
    lives = [Life(kind, id_, events[kind.resource_id(id_)], pending[id_]) for id_ in ids]
    return sorted(lives, key=lambda life: life.began)
