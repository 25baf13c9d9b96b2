"""The routes of tag limits, which `prefect concurrency-limit` calls."""

from http import HTTPStatus
from typing import Annotated
from uuid import UUID

from fastapi import Body, Response
from sqlalchemy.orm import Session

from app.crud.limits import tag_limits
from app.errors import NotSupported
from app.schemas.concurrency_limits import ConcurrencyLimitQuery, TagLimitCreate, TagLimitReset, TagLimitResponse
from app.schemas.shared import PathName
from app.web.routing import also, make_router

router = make_router("/concurrency_limits", tags=["concurrency limits"])


@router.post("/", status_code=HTTPStatus.CREATED)
def upsert_tag_limit(body: TagLimitCreate, session: Session, response: Response) -> TagLimitResponse:
    """Create the limit of a tag (201), or update the existing one (200)."""
    limit, created = tag_limits.upsert_tag_limit(session, body.tag, body.concurrency_limit)
    if not created:
        response.status_code = HTTPStatus.OK
    return TagLimitResponse.of(limit)


@router.post("/filter")
def list_tag_limits(
    session: Session, query: Annotated[ConcurrencyLimitQuery, Body(default_factory=ConcurrencyLimitQuery)]
) -> list[TagLimitResponse]:
    """List the tag limits, ordered by tag."""
    limits = tag_limits.list_tag_limits(session, limit=query.limit, offset=query.offset)
    return [TagLimitResponse.of(limit) for limit in limits]


@router.get("/tag/{tag}")
def read_tag_limit(tag: PathName, session: Session) -> TagLimitResponse:
    """Return the limit of a tag."""
    return TagLimitResponse.of(tag_limits.read_tag_limit(session, tag))


@router.post("/tag/{tag}/reset", responses=also(HTTPStatus.NOT_IMPLEMENTED))
def reset_tag_limit(
    tag: PathName, session: Session, body: Annotated[TagLimitReset, Body(default_factory=TagLimitReset)]
) -> None:
    """Free all slots of the tag's limit."""
    if body.slot_override:
        raise NotSupported("aftercommit runs no tasks, so none can hold a slot.")
    tag_limits.free_slots(session, tag)


@router.delete("/tag/{tag}")
def delete_tag_limit(tag: PathName, session: Session) -> None:
    """Delete the limit of a tag."""
    tag_limits.delete_tag_limit(session, tag_limits.read_tag_limit(session, tag))


@router.get("/{limit_id:uuid}")
def read_tag_limit_by_id(limit_id: UUID, session: Session) -> TagLimitResponse:
    """Return the tag limit with this id."""
    return TagLimitResponse.of(tag_limits.read_tag_limit_by_id(session, limit_id))


@router.delete("/{limit_id:uuid}")
def delete_tag_limit_by_id(limit_id: UUID, session: Session) -> None:
    """Delete the tag limit with this id."""
    tag_limits.delete_tag_limit(session, tag_limits.read_tag_limit_by_id(session, limit_id))
