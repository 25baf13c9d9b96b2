"""The routes of deployments."""

from http import HTTPStatus
from typing import Annotated
from uuid import UUID

from fastapi import Body, Response
from sqlalchemy import and_
from sqlalchemy.orm import Session

from app.api.deployment_responses import deployment_response
from app.crud.deployments import reading
from app.crud.deployments import writing as deployments
from app.crud.deployments.upsert import upsert_deployment
from app.crud.filters import has_conditions
from app.crud.work_pools.queue_filters import list_queues_by_filter
from app.errors import Conflict, InvalidRequest
from app.models import Deployment
from app.schemas.deployment_responses import DeploymentPage, DeploymentResponse
from app.schemas.deployments import (
    DeploymentBulkDelete,
    DeploymentCreate,
    DeploymentPageQuery,
    DeploymentQuery,
    DeploymentSelection,
    DeploymentUpdate,
)
from app.schemas.shared import Deleted, PathName
from app.schemas.work_queues import WorkQueueResponse
from app.web.routing import also, make_router

router = make_router("/deployments", tags=["deployments"])


@router.post("/", status_code=HTTPStatus.CREATED, responses=also(HTTPStatus.NOT_FOUND, HTTPStatus.TOO_MANY_REQUESTS))
def create_deployment(body: DeploymentCreate, session: Session, response: Response) -> DeploymentResponse:
    """Create a deployment (201), or update the existing one with this flow and name (200)."""
    _refuse_blocks(body)
    upserted = upsert_deployment(session, body)
    if not upserted.created:
        response.status_code = HTTPStatus.OK
    return deployment_response(upserted.view)


@router.get("/name/{flow_name}/{deployment_name}")
def read_deployment_by_name(flow_name: PathName, deployment_name: PathName, session: Session) -> DeploymentResponse:
    """Return the deployment with this flow name and deployment name."""
    return deployment_response(reading.read_deployment_by_name(session, flow_name, deployment_name))


@router.get("/{deployment_id:uuid}")
def read_deployment(deployment_id: UUID, session: Session) -> DeploymentResponse:
    """Return the deployment with this id."""
    return deployment_response(reading.read_deployment(session, deployment_id))


@router.get("/{deployment_id:uuid}/work_queue_check")
def list_queues_with_filters(deployment_id: UUID, session: Session) -> list[WorkQueueResponse]:
    """List the work queues whose old-style `filter` matches the deployment."""
    return [WorkQueueResponse.of(*view) for view in list_queues_by_filter(session, deployment_id)]


@router.patch("/{deployment_id:uuid}", status_code=HTTPStatus.NO_CONTENT, responses=also(HTTPStatus.TOO_MANY_REQUESTS))
def update_deployment(deployment_id: UUID, body: DeploymentUpdate, session: Session) -> None:
    """Update the fields that the body contains."""
    _refuse_blocks(body)
    deployments.update_deployment(session, deployment_id, body)


@router.delete("/{deployment_id:uuid}", status_code=HTTPStatus.NO_CONTENT)
def delete_deployment(deployment_id: UUID, session: Session) -> None:
    """Delete a deployment."""
    deployments.delete_deployment(session, deployment_id)


@router.post("/filter")
def filter_deployments(
    session: Session, query: Annotated[DeploymentQuery | None, Body()] = None
) -> list[DeploymentResponse]:
    """List the deployments that match."""
    query = query or DeploymentQuery()
    views = reading.list_deployments(session, query, query.sort, query.limit, query.offset)
    return [deployment_response(view) for view in views]


@router.post("/paginate")
def paginate_deployments(
    session: Session, query: Annotated[DeploymentPageQuery | None, Body()] = None
) -> DeploymentPage:
    """Return one page of the deployments that match, and their total count."""
    query = query or DeploymentPageQuery()
    count = reading.count_deployments(session, query)
    views = reading.list_deployments(session, query, query.sort, query.limit, query.offset)
    return DeploymentPage(
        results=[deployment_response(view) for view in views],
        count=count,
        limit=query.limit,
        pages=query.pages_of(count),
        page=query.page,
    )


@router.post("/count")
def count_deployments(session: Session, query: Annotated[DeploymentSelection | None, Body()] = None) -> int:
    """Count the deployments that match."""
    return reading.count_deployments(session, query or DeploymentSelection())


@router.post("/bulk_delete")
def bulk_delete_deployments(session: Session, query: Annotated[DeploymentBulkDelete | None, Body()] = None) -> Deleted:
    """Delete up to 50 deployments that match, and return the ids of the deleted ones."""
    query = query or DeploymentBulkDelete()
    if query.deployments is None or not has_conditions(query.deployments):
        # In Prefect, a request without a filter deletes any 50 deployments. That is never intended.
        raise InvalidRequest("The filter has no condition: specify which deployments to delete.")
    selection = DeploymentSelection(deployments=query.deployments)
    ids = reading.select_ids(session, selection, query.limit)
    # Check the filter again under the locks, so that a deployment that no longer matches is kept.
    where = and_(Deployment.id.in_(ids), reading.is_selected(selection))
    return Deleted(deleted=deployments.delete_deployments(session, where))


@router.post("/{deployment_id:uuid}/pause_deployment")
def pause_deployment(deployment_id: UUID, session: Session) -> None:
    """Pause a deployment."""
    deployments.set_paused(session, deployment_id, paused=True)


@router.post("/{deployment_id:uuid}/resume_deployment")
def resume_deployment(deployment_id: UUID, session: Session) -> None:
    """Resume a deployment."""
    deployments.set_paused(session, deployment_id, paused=False)


def _refuse_blocks(body: DeploymentCreate | DeploymentUpdate) -> None:
    """Raise Conflict if the body refers to a block: this registry has no blocks, so it cannot exist."""
    if body.storage_document_id is not None or body.infrastructure_document_id is not None:
        raise Conflict("There is no such block document.")
