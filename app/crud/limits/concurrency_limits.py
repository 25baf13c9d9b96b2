"""Creates, reads, lists and updates global concurrency limits. `app.crud.deletions` deletes them."""

from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.capture.kinds import CONCURRENCY_LIMIT
from app.capture.row_changes import insert_row, update_rows
from app.errors import Conflict, NotFound
from app.models import ConcurrencyLimit
from app.outbox.record import record

NOT_FOUND: Final = "Concurrency Limit not found"
NAME_TAKEN: Final = "A concurrency limit with this name already exists."


def create_concurrency_limit(session: Session, values: Mapping[str, Any]) -> ConcurrencyLimit:
    """Create a concurrency limit with these column values.

    Raises:
        Conflict: a limit with this name exists.
    """
    created = insert_row(session, CONCURRENCY_LIMIT, values, ("name",))
    if created is None:
        raise Conflict(NAME_TAKEN)
    record(session, [created])
    return session.get_one(ConcurrencyLimit, created.row["id"])


def read_concurrency_limit(session: Session, id_or_name: str) -> ConcurrencyLimit:
    """Return the concurrency limit with this id, or else with this name.

    Raises:
        NotFound: neither exists.
    """
    by_name = select(ConcurrencyLimit).where(ConcurrencyLimit.name == id_or_name)
    id_ = _as_id(id_or_name)
    limit = session.get(ConcurrencyLimit, id_) if id_ is not None else None
    limit = limit or session.scalars(by_name).one_or_none()
    if limit is None:
        raise NotFound(NOT_FOUND)
    return limit


def list_concurrency_limits(
    session: Session, *, limit: int, offset: int, prefix: str = ""
) -> Sequence[ConcurrencyLimit]:
    """Return at most `limit` concurrency limits after the first `offset`, by name. Their names start with `prefix`."""
    statement = select(ConcurrencyLimit).order_by(ConcurrencyLimit.name)
    if prefix:
        statement = statement.where(ConcurrencyLimit.name.startswith(prefix, autoescape=True))
    return session.scalars(statement.limit(limit).offset(offset)).all()


def update_concurrency_limit(session: Session, id_or_name: str, values: Mapping[str, Any]) -> None:
    """Set these column values of the concurrency limit.

    Raises:
        NotFound: the limit does not exist, or another request deleted it first.
        Conflict: another limit has the new name.
    """
    limit_id = read_concurrency_limit(session, id_or_name).id
    try:
        with session.begin_nested():
            changes = update_rows(session, CONCURRENCY_LIMIT, ConcurrencyLimit.id == limit_id, values)
    except IntegrityError as error:
        raise Conflict(NAME_TAKEN) from error
    if not changes:
        # If another request has deleted it, the session still has it in memory. This reads it again and raises.
        lock_limit(session, limit_id)
    record(session, changes)


def lock_limit(session: Session, limit_id: UUID) -> ConcurrencyLimit:
    """Return the concurrency limit, locked against deletion until the transaction ends (FOR KEY SHARE).

    Raises:
        NotFound: the limit does not exist.
    """
    statement = (
        select(ConcurrencyLimit).where(ConcurrencyLimit.id == limit_id).with_for_update(key_share=True, read=True)
    )
    limit = session.scalars(statement).one_or_none()
    if limit is None:
        raise NotFound(NOT_FOUND)
    return limit


def _as_id(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
