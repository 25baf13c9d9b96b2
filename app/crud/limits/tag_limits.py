"""Concurrency limits for the task runs with a tag. They are stored only as global limits with the name `tag:...`."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from app.crud import deletions
from app.crud.limits import concurrency_limits
from app.errors import Conflict, NotFound
from app.models import ConcurrencyLimit
from app.schemas.concurrency_limits import TAG_PREFIX


def upsert_tag_limit(session: Session, tag: str, limit: int) -> tuple[ConcurrencyLimit, bool]:
    """Create or update the tag's limit. Exactly one of several concurrent callers creates it.

    Returns:
        The limit, and whether this call created it.

    Raises:
        NotFound: another request deleted the limit at the same time.
    """
    name = TAG_PREFIX + tag
    try:
        return concurrency_limits.create_concurrency_limit(session, {"name": name, "limit": limit}), True
    except Conflict:
        concurrency_limits.update_concurrency_limit(session, name, {"limit": limit})
        return read_tag_limit(session, tag), False


def read_tag_limit(session: Session, tag: str) -> ConcurrencyLimit:
    """Return the tag's limit.

    Raises:
        NotFound: the tag has no limit.
    """
    return _read_one(session, select(ConcurrencyLimit).where(ConcurrencyLimit.name == TAG_PREFIX + tag))


def read_tag_limit_by_id(session: Session, limit_id: UUID) -> ConcurrencyLimit:
    """Return the tag limit with this id.

    Raises:
        NotFound: no limit has this id, or the limit is not for a tag.
    """
    is_for_tag = ConcurrencyLimit.name.startswith(TAG_PREFIX, autoescape=True)
    return _read_one(session, select(ConcurrencyLimit).where(ConcurrencyLimit.id == limit_id, is_for_tag))


def list_tag_limits(session: Session, *, limit: int, offset: int) -> Sequence[ConcurrencyLimit]:
    """Return at most `limit` tag limits after the first `offset`, by tag."""
    return concurrency_limits.list_concurrency_limits(session, limit=limit, offset=offset, prefix=TAG_PREFIX)


def free_slots(session: Session, tag: str) -> None:
    """Free all slots of the tag's limit.

    Raises:
        NotFound: the tag has no limit.
    """
    limit = read_tag_limit(session, tag)
    concurrency_limits.update_concurrency_limit(session, str(limit.id), {"active_slots": 0})


def delete_tag_limit(session: Session, limit: ConcurrencyLimit) -> None:
    """Delete a tag's limit.

    Raises:
        NotFound: another request deleted it first.
    """
    deletions.delete_concurrency_limit(session, str(limit.id))


def _read_one(session: Session, statement: Select[ConcurrencyLimit]) -> ConcurrencyLimit:
    limit = session.scalars(statement.execution_options(populate_existing=True)).one_or_none()
    if limit is None:
        raise NotFound("Concurrency limit not found")
    return limit
