"""The routes of global concurrency limits."""

from http import HTTPStatus
from typing import Annotated

from fastapi import Body
from sqlalchemy.orm import Session

from app.crud import deletions
from app.crud.limits import concurrency_limits
from app.schemas.concurrency_limits import (
    ConcurrencyLimitCreate,
    ConcurrencyLimitQuery,
    ConcurrencyLimitResponse,
    ConcurrencyLimitUpdate,
    CreatedConcurrencyLimitResponse,
)
from app.schemas.shared import PathName
from app.web.routing import make_router

router = make_router("/v2/concurrency_limits", tags=["concurrency limits"])


@router.post("/", status_code=HTTPStatus.CREATED)
def create_concurrency_limit(body: ConcurrencyLimitCreate, session: Session) -> CreatedConcurrencyLimitResponse:
    """Create a concurrency limit."""
    limit = concurrency_limits.create_concurrency_limit(session, body.model_dump())
    return CreatedConcurrencyLimitResponse.model_validate(limit)


@router.post("/filter")
def list_concurrency_limits(
    session: Session, query: Annotated[ConcurrencyLimitQuery, Body(default_factory=ConcurrencyLimitQuery)]
) -> list[ConcurrencyLimitResponse]:
    """List the concurrency limits, ordered by name."""
    limits = concurrency_limits.list_concurrency_limits(session, limit=query.limit, offset=query.offset)
    return [ConcurrencyLimitResponse.model_validate(limit) for limit in limits]


@router.get("/{id_or_name}")
def read_concurrency_limit(id_or_name: PathName, session: Session) -> ConcurrencyLimitResponse:
    """Return the concurrency limit with this id or name."""
    limit = concurrency_limits.read_concurrency_limit(session, id_or_name)
    return ConcurrencyLimitResponse.model_validate(limit)


@router.patch("/{id_or_name}", status_code=HTTPStatus.NO_CONTENT)
def update_concurrency_limit(id_or_name: PathName, body: ConcurrencyLimitUpdate, session: Session) -> None:
    """Update the fields that the body contains."""
    concurrency_limits.update_concurrency_limit(session, id_or_name, body.fields_set())


@router.delete("/{id_or_name}", status_code=HTTPStatus.NO_CONTENT)
def delete_concurrency_limit(id_or_name: PathName, session: Session) -> None:
    """Delete the concurrency limit. Deployments that use it are kept, without a limit."""
    deletions.delete_concurrency_limit(session, id_or_name)
