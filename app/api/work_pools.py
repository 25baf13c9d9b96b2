"""The routes of work pools."""

from http import HTTPStatus
from typing import Annotated

from fastapi import Body, Header
from sqlalchemy.orm import Session

from app.crud import deletions
from app.crud.work_pools import pools as work_pools
from app.schemas.shared import PathName
from app.schemas.work_pools import WorkPoolCreate, WorkPoolMatch, WorkPoolQuery, WorkPoolResponse, WorkPoolUpdate
from app.web.routing import make_router

router = make_router("/work_pools", tags=["work pools"])

UserAgent = Annotated[str | None, Header()]


@router.post("/", status_code=HTTPStatus.CREATED)
def create_work_pool(body: WorkPoolCreate, session: Session, user_agent: UserAgent = None) -> WorkPoolResponse:
    """Create a work pool and its default queue."""
    return WorkPoolResponse.of(*work_pools.create_work_pool(session, body.column_values()), user_agent)


@router.post("/filter")
def list_work_pools(
    session: Session,
    query: Annotated[WorkPoolQuery, Body(default_factory=WorkPoolQuery)],
    user_agent: UserAgent = None,
) -> list[WorkPoolResponse]:
    """List the work pools that match, ordered by name."""
    views = work_pools.list_work_pools(session, query.work_pools, limit=query.limit, offset=query.offset)
    return [WorkPoolResponse.of(*view, user_agent) for view in views]


@router.post("/count")
def count_work_pools(session: Session, match: Annotated[WorkPoolMatch, Body(default_factory=WorkPoolMatch)]) -> int:
    """Count the work pools that match."""
    return work_pools.count_work_pools(session, match.work_pools)


@router.get("/{name}")
def read_work_pool(name: PathName, session: Session, user_agent: UserAgent = None) -> WorkPoolResponse:
    """Return the work pool with this name."""
    return WorkPoolResponse.of(*work_pools.read_work_pool(session, name), user_agent)


@router.patch("/{name}", status_code=HTTPStatus.NO_CONTENT)
def update_work_pool(name: PathName, body: WorkPoolUpdate, session: Session) -> None:
    """Update the fields that the body contains."""
    work_pools.update_work_pool(session, name, body.column_values())


@router.delete("/{name}", status_code=HTTPStatus.NO_CONTENT)
def delete_work_pool(name: PathName, session: Session) -> None:
    """Delete the work pool and its queues. Deployments that use them are kept, without a work queue."""
    deletions.delete_work_pool(session, name)
