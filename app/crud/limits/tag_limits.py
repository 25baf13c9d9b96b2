"""Limits on the runs of tasks with a tag. Each is a global limit of the name `tag:...`, and there is no second copy."""

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
    """Create the tag's limit, or change it; of any number of concurrent callers one creates it.

    Returns:
        The limit, and whether it was created.

    Raises:
        NotFound: another request deleted it at the same moment.
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
        NotFound: it has none.
    """
    return _one(session, select(ConcurrencyLimit).where(ConcurrencyLimit.name == TAG_PREFIX + tag))


def read_tag_limit_by_id(session: Session, limit_id: UUID) -> ConcurrencyLimit:
    """Return the tag limit of that id.

    Raises:
        NotFound: there is none, or the limit of that id is not a tag's.
    """
    of_tag = ConcurrencyLimit.name.startswith(TAG_PREFIX, autoescape=True)
    return _one(session, select(ConcurrencyLimit).where(ConcurrencyLimit.id == limit_id, of_tag))


def list_tag_limits(session: Session, *, limit: int, offset: int) -> Sequence[ConcurrencyLimit]:
    """Return a window of the tags' limits, by tag."""
    return concurrency_limits.list_concurrency_limits(session, limit=limit, offset=offset, prefix=TAG_PREFIX)


def free_slots(session: Session, tag: str) -> None:
    """Take all slots of the tag's limit back.

    Raises:
        NotFound: it has none.
    """
    limit = read_tag_limit(session, tag)
    concurrency_limits.update_concurrency_limit(session, str(limit.id), {"active_slots": 0})


def delete_tag_limit(session: Session, limit: ConcurrencyLimit) -> None:
    """Delete a tag's limit.

    Raises:
        NotFound: another request deleted it first.
    """
    deletions.delete_concurrency_limit(session, str(limit.id))


def _one(session: Session, statement: Select[ConcurrencyLimit]) -> ConcurrencyLimit:
    limit = session.scalars(statement.execution_options(populate_existing=True)).one_or_none()
    if limit is None:
        raise NotFound("Concurrency limit not found")
    return limit
