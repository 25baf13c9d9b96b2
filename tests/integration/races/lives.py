"""The operations of a race on one deployment, and the histories that they may lead to."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from app.crud import deletions
from app.crud.deployments import writing as deployments
from app.crud.deployments.upsert import upsert_deployment
from app.errors import Conflict, NotFound
from app.schemas.deployments import DeploymentCreate
from tests.integration.outbox_world import OutboxWorld
from tests.world import assert_audit_is_clean

Life = list[tuple[str, Any]]
"""The operations of a deployment in the log, each with the description after it, or before it for a deletion."""


def upsert(flow_id: UUID, description: str, session: Session) -> tuple[UUID, bool]:
    """Create or update the deployment."""
    body = DeploymentCreate(name="nightly", flow_id=flow_id, description=description)
    upserted = upsert_deployment(session, body)
    return upserted.id, upserted.created


def in_transaction(world: OutboxWorld, work: Callable[[Session], Any]) -> Any:
    """Run `work` in a separate transaction, as a request does; return its result or the type of its refusal."""
    with world.sessions() as session:
        try:
            result = work(session)
            session.commit()
        except (Conflict, NotFound) as refusal:
            return type(refusal)
        return result


def lives(world: OutboxWorld) -> list[Life]:
    """Dispatch everything, audit, and return the life of each deployment in the order of their creation."""
    world.dispatch_all()
    assert_audit_is_clean(world.sessions)
    found: dict[str, Life] = {}
    # Two deployments are in two lanes, so their order in the log is undefined; their times show it.
    for event in sorted(world.log(), key=lambda event: event.occurred):
        life = found.setdefault(event.resource_id, [])
        payload = event.payload
        description = (
            payload["updates"]["description"]["to"] if "updates" in payload else payload["fields"]["description"]
        )
        life.append((event.event.rpartition(".")[2], description))
        assert event.revision == len(life)
    return list(found.values())


def delete_flow(flow_id: UUID, session: Session) -> None:
    """Delete the flow with its deployments."""
    deletions.delete_flow(session, flow_id)


def delete(deployment_id: UUID, session: Session) -> None:
    """Delete the deployment."""
    deployments.delete_deployment(session, deployment_id)
