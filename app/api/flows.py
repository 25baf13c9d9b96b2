"""The routes of flows."""

from http import HTTPStatus
from typing import Annotated
from uuid import UUID

from fastapi import Body, Response
from sqlalchemy.orm import Session

from app.crud import deletions, flows
from app.schemas.flows import (
    FlowBulkDelete,
    FlowCreate,
    FlowMatch,
    FlowPage,
    FlowPageQuery,
    FlowQuery,
    FlowResponse,
    FlowUpdate,
)
from app.schemas.shared import Deleted, PathName
from app.web.routing import make_router

router = make_router("/flows", tags=["flows"])


@router.post("/", status_code=HTTPStatus.CREATED)
def create_flow(body: FlowCreate, session: Session, response: Response) -> FlowResponse:
    """Create a flow (201), or return the existing one with this name, unchanged (200)."""
    flow, created = flows.get_or_create_flow(session, body.name, body.tags, body.labels)
    if not created:
        response.status_code = HTTPStatus.OK
    return FlowResponse.model_validate(flow)


@router.get("/name/{name}")
def read_flow_by_name(name: PathName, session: Session) -> FlowResponse:
    """Return the flow with this name."""
    return FlowResponse.model_validate(flows.read_flow_by_name(session, name))


@router.get("/{flow_id:uuid}")
def read_flow(flow_id: UUID, session: Session) -> FlowResponse:
    """Return the flow with this id."""
    return FlowResponse.model_validate(flows.read_flow(session, flow_id))


@router.post("/filter")
def list_flows(session: Session, query: Annotated[FlowQuery, Body(default_factory=FlowQuery)]) -> list[FlowResponse]:
    """List the flows that match."""
    rows = flows.list_flows(session, query, query.sort, limit=query.limit, offset=query.offset)
    return [FlowResponse.model_validate(flow) for flow in rows]


@router.post("/count")
def count_flows(session: Session, match: Annotated[FlowMatch, Body(default_factory=FlowMatch)]) -> int:
    """Count the flows that match."""
    return flows.count_flows(session, match)


@router.post("/paginate")
def page_flows(session: Session, query: Annotated[FlowPageQuery, Body(default_factory=FlowPageQuery)]) -> FlowPage:
    """Return one page of the flows that match, and their total count."""
    count = flows.count_flows(session, query)
    rows = flows.list_flows(session, query, query.sort, limit=query.limit, offset=query.offset)
    return FlowPage(
        results=[FlowResponse.model_validate(flow) for flow in rows],
        count=count,
        limit=query.limit,
        pages=query.pages_of(count),
        page=query.page,
    )


@router.patch("/{flow_id:uuid}", status_code=HTTPStatus.NO_CONTENT)
def update_flow(flow_id: UUID, body: FlowUpdate, session: Session) -> None:
    """Replace the tags of the flow, if the body contains tags."""
    if "tags" in body.model_fields_set:
        flows.update_flow(session, flow_id, body.tags)
    else:
        flows.read_flow(session, flow_id)


@router.delete("/{flow_id:uuid}", status_code=HTTPStatus.NO_CONTENT)
def delete_flow(flow_id: UUID, session: Session) -> None:
    """Delete the flow and its deployments."""
    deletions.delete_flow(session, flow_id)


@router.post("/bulk_delete")
def delete_flows(session: Session, body: Annotated[FlowBulkDelete, Body(default_factory=FlowBulkDelete)]) -> Deleted:
    """Delete the flows that match, and their deployments. Answer 422 if the filter has no condition."""
    return Deleted(deleted=deletions.delete_flows(session, body.flows, body.limit))
