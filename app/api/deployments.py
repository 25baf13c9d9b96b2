"""The routes of deployments."""

from http import HTTPStatus
from typing import Annotated
from uuid import UUID

from fastapi import Body, Response
from sqlalchemy import and_
from sqlalchemy.orm import Session

from app.api.deployment_answers import answer
from app.crud.deployments import reading
from app.crud.deployments import writing as deployments
from app.crud.filters import restricts
from app.errors import Conflict, InvalidRequest
from app.models import Deployment
from app.schemas.deployment_answers import DeletedIds, DeploymentPage, DeploymentResponse
from app.schemas.deployments import (
    DeploymentBulkDelete,
    DeploymentCreate,
    DeploymentPageQuery,
    DeploymentQuery,
    DeploymentSelection,
    DeploymentUpdate,
)
from app.schemas.shared import PathName
from app.web.routing import make_router

router = make_router("/deployments", tags=["deployments"])


@router.post("/", status_code=HTTPStatus.CREATED)
def create_deployment(body: DeploymentCreate, session: Session, response: Response) -> DeploymentResponse:
    """Create a deployment (201), or update the one of that flow and name (200)."""
    _refuse_blocks(body)
    upserted = deployments.upsert_deployment(session, body)
    if not upserted.created:
        response.status_code = HTTPStatus.OK
    return answer(upserted.view)


@router.get("/name/{flow_name}/{deployment_name}")
def read_deployment_by_name(flow_name: PathName, deployment_name: PathName, session: Session) -> DeploymentResponse:
    """Return a deployment by its flow's name and its own."""
    return answer(reading.read_deployment_by_name(session, flow_name, deployment_name))


@router.get("/{deployment_id}")
def read_deployment(deployment_id: UUID, session: Session) -> DeploymentResponse:
    """Return a deployment by its id."""
    return answer(reading.read_deployment(session, deployment_id))


@router.patch("/{deployment_id}", status_code=HTTPStatus.NO_CONTENT)
def update_deployment(deployment_id: UUID, body: DeploymentUpdate, session: Session) -> None:
    """Change the given fields of a deployment."""
    _refuse_blocks(body)
    deployments.update_deployment(session, deployment_id, body)


@router.delete("/{deployment_id}", status_code=HTTPStatus.NO_CONTENT)
def delete_deployment(deployment_id: UUID, session: Session) -> None:
    """Delete a deployment."""
    deployments.delete_deployment(session, deployment_id)


@router.post("/filter")
def filter_deployments(
    session: Session, query: Annotated[DeploymentQuery | None, Body()] = None
) -> list[DeploymentResponse]:
    """List deployments."""
    query = query or DeploymentQuery()
    views = reading.list_deployments(session, query, query.sort, query.limit, query.offset)
    return [answer(view) for view in views]


@router.post("/paginate")
def paginate_deployments(
    session: Session, query: Annotated[DeploymentPageQuery | None, Body()] = None
) -> DeploymentPage:
    """List a numbered page of deployments, with the count of all."""
    query = query or DeploymentPageQuery()
    count = reading.count_deployments(session, query)
    views = reading.list_deployments(session, query, query.sort, query.limit, query.offset)
    return DeploymentPage(
        results=[answer(view) for view in views],
        count=count,
        limit=query.limit,
        pages=query.pages_of(count),
        page=query.page,
    )


@router.post("/count")
def count_deployments(session: Session, query: Annotated[DeploymentSelection | None, Body()] = None) -> int:
    """Count deployments."""
    return reading.count_deployments(session, query or DeploymentSelection())


@router.post("/bulk_delete")
def bulk_delete_deployments(
    session: Session, query: Annotated[DeploymentBulkDelete | None, Body()] = None
) -> DeletedIds:
    """Delete up to 50 deployments that match, and answer the ids of those that this request deleted."""
    query = query or DeploymentBulkDelete()
    if query.deployments is None or not restricts(query.deployments):
        # Prefect takes no filter for "any 50"; nobody means that.
        raise InvalidRequest("Say which deployments to delete: the filter has no condition.")
    selection = DeploymentSelection(deployments=query.deployments)
    ids = reading.select_ids(session, selection, query.limit)
    # The condition is asked once more under the locks: what stopped matching in between stays.
    where = and_(Deployment.id.in_(ids), reading.selected(selection))
    return DeletedIds(deleted=deployments.delete_deployments(session, where))


@router.post("/{deployment_id}/pause_deployment")
def pause_deployment(deployment_id: UUID, session: Session) -> None:
    """Pause a deployment."""
    deployments.set_paused(session, deployment_id, paused=True)


@router.post("/{deployment_id}/resume_deployment")
def resume_deployment(deployment_id: UUID, session: Session) -> None:
    """Resume a deployment."""
    deployments.set_paused(session, deployment_id, paused=False)


def _refuse_blocks(body: DeploymentCreate | DeploymentUpdate) -> None:
    """This registry has no blocks, so whatever a block id names does not exist."""
    if body.storage_document_id is not None or body.infrastructure_document_id is not None:
        raise Conflict("There is no such block document.")
