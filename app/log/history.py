"""Reads the history of resources from creation to deletion: their events, and the changes that have no event yet."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.capture.kind_classes import ResourceKind
from app.log.patterns import is_one_of
from app.log.state import Phase, State, rebuild
from app.models import EventRow, SnapshotRow


@dataclass(frozen=True, slots=True)
class ResourceHistory:
    """One resource: its events ordered by revision, and the times of its changes that have no event yet.

    `id` is what its kind makes the resource id of: a UUID, or the key of a resource of a source.
    """

    kind: ResourceKind
    id: UUID | str
    events: Sequence[EventRow]
    pending: Sequence[datetime]

    @property
    def resource_id(self) -> str:
        """Return the resource id that its events contain."""
        return self.kind.resource_id(self.id)

    @property
    def first_change(self) -> datetime:
        """Return the time of the first known change, or the latest possible time if no change is known."""
        times = [*(event.occurred for event in self.events[:1]), *self.pending]
        return min(times, default=datetime.max.replace(tzinfo=UTC))

    def until(self, moment: datetime) -> "ResourceHistory":
        """Return the part of the history up to this moment."""
        return ResourceHistory(
            self.kind,
            self.id,
            [event for event in self.events if event.occurred <= moment],
            [time for time in self.pending if time <= moment],
        )

    def up_to(self, revision: int) -> "ResourceHistory":
        """Return the events up to this revision."""
        events = [event for event in self.events if event.revision is not None and event.revision <= revision]
        return ResourceHistory(self.kind, self.id, events, [])

    def state(self) -> State:
        """Return the state after its events."""
        return rebuild(self.kind, self.events)

    def phase(self) -> Phase:
        """Return whether the resource exists after its events."""
        return self.state().phase


def read_histories(session: Session, kind: ResourceKind, ids: Collection[UUID]) -> list[ResourceHistory]:
    """Return the histories of these resources, ordered by the time of their first change.

    The log and the outbox are read with two statements. The session must use one database snapshot for both
    (REPEATABLE READ): otherwise a change that gets its event between them is missing from both results.
    """
    events = read_events(session, [kind.resource_id(id_) for id_ in ids])
    pending: dict[UUID, list[datetime]] = defaultdict(list)
    waiting = (
        select(SnapshotRow.resource_id, SnapshotRow.occurred)
        .where(SnapshotRow.resource_id.in_(ids))
        .order_by(SnapshotRow.revision)
    )
    for id_, occurred in session.execute(waiting):
        pending[id_].append(occurred)
    histories = [ResourceHistory(kind, id_, events[kind.resource_id(id_)], pending[id_]) for id_ in ids]
    return sorted(histories, key=lambda history: history.first_change)


def read_events(session: Session, resource_ids: Collection[str]) -> dict[str, list[EventRow]]:
    """Return the events of these resources by resource id, each list ordered by revision."""
    events: dict[str, list[EventRow]] = defaultdict(list)
    logged = (
        select(EventRow)
        .where(is_one_of(EventRow.resource_id.expression, list(resource_ids)), EventRow.revision.is_not(None))
        .order_by(EventRow.resource_id, EventRow.revision)
    )
    for event in session.scalars(logged):
        events[event.resource_id].append(event)
    return events
