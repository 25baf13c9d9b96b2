"""Writes deployments and their histories as rows, some of them pending, for the tests of the audit."""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import update
from sqlalchemy.orm import Session

from app.capture.kinds import DEPLOYMENT, FLOW
from app.capture.snapshot import lane_of
from app.models import Deployment, EventLog, EventRow, Flow, SnapshotRow, Tombstone

START = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class Life:
    """The history of one deployment: `revisions` changes; the last `pending` ones have no event yet."""

    revisions: int
    pending: int = 0
    deleted: bool = False
    id: UUID = field(default_factory=uuid.uuid4)
    event_ids: list[UUID] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Assign an event id to every change."""
        self.event_ids = [uuid.uuid4() for _ in range(self.revisions)]

    @property
    def resource_id(self) -> str:
        """The resource id in its events."""
        return DEPLOYMENT.resource_id(self.id)

    @property
    def logged(self) -> int:
        """The latest revision in the log."""
        return self.revisions - self.pending

    def operation(self, revision: int) -> str:
        """Return the operation of that revision."""
        if revision == 1:
            return "created"
        return "deleted" if self.deleted and revision == self.revisions else "updated"

    def state(self, revision: int) -> dict[str, Any] | None:
        """Return the fields after that revision: one changes each time, one every other time, and one never."""
        if revision == 0 or self.operation(revision) == "deleted":
            return None
        return {"description": f"text {revision}", "parameters": {"half": revision // 2}, "version": None}

    def payload(self, revision: int) -> dict[str, Any]:
        """Return the payload of the event of that revision."""
        before, after = self.state(revision - 1), self.state(revision)
        if before is None or after is None:
            return {"fields": before or after}
        updates = {name: {"from": before[name], "to": after[name]} for name in after if before[name] != after[name]}
        return {"updated_fields": sorted(updates), "updates": updates}

    def event(self, revision: int, position: int, **other: Any) -> EventRow:
        """Return the event of that revision at that position; `other` overrides columns."""
        event_id = self.event_ids[min(revision, self.revisions) - 1]
        columns = {
            "id": event_id,
            "occurred": START + timedelta(seconds=revision),
            "event": DEPLOYMENT.event_name(self.operation(revision)),
            "resource_id": self.resource_id,
            "resource": {"prefect.resource.id": self.resource_id},
            "related": [],
            "payload": self.payload(revision),
            "follows": self._follows(revision),
            "revision": revision,
        }
        return EventRow(position=position, **{**columns, **other})

    def snapshot(self, revision: int, **other: Any) -> SnapshotRow:
        """Return the snapshot of that revision; `other` overrides columns."""
        columns = {
            "id": self.event_ids[min(revision, self.revisions) - 1],
            "lane": lane_of(self.id),
            "kind": DEPLOYMENT.name,
            "resource_id": self.id,
            "revision": revision,
            "operation": self.operation(revision),
            "occurred": START + timedelta(seconds=revision),
            "name": str(self.id),
            "before": self.state(revision - 1),
            "after": self.state(revision),
            "references": {},
            "follows": self._follows(revision),
            "attribution": {"actor": "unknown"},
        }
        return SnapshotRow(**{**columns, **other})

    def resource(self, flow_id: UUID) -> Deployment | Tombstone:
        """Return the row of the deployment, or its tombstone."""
        if self.deleted:
            return Tombstone(id=self.id, kind=DEPLOYMENT.name, name=str(self.id), revision=self.revisions)
        return Deployment(
            id=self.id,
            name=str(self.id),
            flow_id=flow_id,
            revision=self.revisions,
            event_id=self.event_ids[-1],
        )

    def _follows(self, revision: int) -> UUID | None:
        return self.event_ids[min(revision, self.revisions + 1) - 2] if revision > 1 else None


def client_event(position: int, **other: Any) -> EventRow:
    """Return an event without a revision: it belongs to no resource of the registry."""
    columns: dict[str, Any] = {
        "id": uuid.uuid4(),
        "occurred": START,
        "event": "my.event",
        "resource_id": "my.resource",
        "resource": {"prefect.resource.id": "my.resource"},
        "related": [],
        "payload": {},
    }
    return EventRow(position=position, **{**columns, **other})


def store(session: Session, lives: Sequence[Life], turns: Iterable[Life] | None = None) -> int:
    """Write the rows of these lives and of their flow, whose creation comes first; return the log's last position.

    `turns` lists the life of each event in log order; by default the lives alternate.
    """
    flow = Flow(name=str(uuid.uuid4()))
    session.add(flow)
    session.flush()
    session.add(_creation_of(flow))
    session.add_all([life.resource(flow.id) for life in lives])
    if turns is None:
        rounds = range(1, max((life.logged for life in lives), default=0) + 1)
        turns = [life for round_ in rounds for life in lives if life.logged >= round_]
    last_revisions = {life.id: 0 for life in lives}
    position = 1
    for position, life in enumerate(turns, start=2):
        last_revisions[life.id] += 1
        session.add(life.event(last_revisions[life.id], position))
    for life in lives:
        session.add_all([life.snapshot(revision) for revision in range(life.logged + 1, life.revisions + 1)])
    session.execute(update(EventLog).values(position=position))
    session.flush()
    return position


def _creation_of(flow: Flow) -> EventRow:
    return EventRow(
        position=1,
        id=flow.event_id,
        occurred=START,
        event=FLOW.event_name("created"),
        resource_id=FLOW.resource_id(flow.id),
        resource={"prefect.resource.id": FLOW.resource_id(flow.id)},
        related=[],
        payload={"fields": {"tags": [], "labels": {}}},
        follows=None,
        revision=1,
    )


def append(session: Session, event: EventRow) -> None:
    """Append one more event to the log, at the position that it has."""
    session.add(event)
    session.execute(update(EventLog).values(position=event.position))
    session.flush()
