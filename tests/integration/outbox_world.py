"""Deployments that are changed through the recording functions. Their doorbells are kept instead of rung."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import func, literal_column, select
from sqlalchemy.orm import Session, sessionmaker

from app.broker.doorbell import Doorbell
from app.capture.kinds import DEPLOYMENT
from app.capture.row_changes import update_rows, upsert_row
from app.capture.snapshot import Change
from app.crud.flows import get_or_create_flow
from app.models import Deployment, EventLog, EventRow, SnapshotRow
from app.outbox.record import PENDING, record
from app.settings import Settings
from workers.dispatch import Dispatcher


@dataclass
class OutboxWorld:
    """A database, and the doorbells that were rung for it."""

    sessions: sessionmaker[Session]
    settings: Settings
    rung: list[Doorbell] = field(default_factory=list)

    def dispatcher(self, batch_size: int = 500, rescue_after: float | None = None) -> Dispatcher:
        """Return a dispatcher on this database."""
        return Dispatcher(self.sessions, batch_size, self.settings.event_size_cap, rescue_after)

    def dispatch_all(self, **how: Any) -> int:
        """Dispatch all pending snapshots and return the number of events."""
        return self.dispatcher(**how).dispatch(self.pending_ids())

    def create(self, *names: str) -> list[Change]:
        """Create deployments in one transaction and commit it."""
        with self.sessions() as session:
            changes = [create_deployment(session, name) for name in names]
            session.commit()
        return changes

    def update(self, change: Change, **values: Any) -> None:
        """Change a deployment in a separate transaction."""
        with self.sessions() as session:
            update_deployment(session, change, **values)
            session.commit()

    def pending(self) -> Sequence[SnapshotRow]:
        """Return the pending snapshots, oldest first."""
        with self.sessions() as session:
            return session.scalars(select(SnapshotRow).order_by(SnapshotRow.sequence)).all()

    def pending_ids(self) -> list[UUID]:
        """Return the ids of the pending snapshots."""
        return [row.id for row in self.pending()]

    def log(self) -> Sequence[EventRow]:
        """Return the deployments' events in order, without the flow's creation (see `settled_flow`)."""
        of_deployment = EventRow.resource_id.startswith("prefect.deployment.")
        with self.sessions() as session:
            return session.scalars(select(EventRow).where(of_deployment).order_by(EventRow.position)).all()

    @property
    def appended(self) -> list[int]:
        """Return the last position of each transaction that appended events about deployments, in order."""
        of_deployment = EventRow.resource_id.startswith("prefect.deployment.")
        last = select(func.max(EventRow.position)).where(of_deployment).group_by(literal_column("event.xmin::text"))
        with self.sessions() as session:
            return sorted(session.scalars(last))

    def head(self) -> EventLog:
        """Return the log's head."""
        with self.sessions() as session:
            return session.scalars(select(EventLog)).one()

    def ids_by_resource(self) -> dict[str, list[int]]:
        """Return each resource's logged revisions in log order."""
        found: dict[str, list[int]] = {}
        for row in self.log():
            assert row.revision is not None
            found.setdefault(row.resource_id, []).append(row.revision)
        return found


def settled_flow(sessions: sessionmaker[Session]) -> UUID:
    """Return the id of the flow of all deployments here. Its creation is the log's first event and rang no doorbell.

    So all pending snapshots, and all events after position 1, belong to deployments.
    """
    with sessions() as session:
        flow, created = get_or_create_flow(session, "etl")
        flow_id = flow.id
        session.info.pop(PENDING, None)
        waiting = session.scalars(select(SnapshotRow.id).where(SnapshotRow.kind == "flow")).all()
        session.commit()
    if created:
        Dispatcher(sessions, 500, 1_000_000).dispatch(waiting)
    return flow_id


def create_deployment(session: Session, name: str) -> Change:
    """Create a deployment (and its flow) in the open transaction, and record the changes."""
    values = {"name": name, "flow_id": settled_flow(sessionmaker(session.get_bind())), "description": "0"}
    change = upsert_row(session, DEPLOYMENT, values, ("flow_id", "name"))
    assert change is not None
    record(session, [change])
    return change


def update_deployment(session: Session, change: Change, **values: Any) -> None:
    """Change a deployment in the open transaction, and record the change."""
    record(session, update_rows(session, DEPLOYMENT, Deployment.id == change.row["id"], values))


def count(session: Session, model: type[Any]) -> int:
    """Return the number of rows."""
    return session.scalars(select(func.count()).select_from(model)).one()
