"""Reads the event log: by page in the order of time, and by position in the order of the log."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, func, literal, select, tuple_
from sqlalchemy.orm import Session

from app.errors import NotFound
from app.log.filter import matching
from app.log.totals import Total, total_of
from app.models import EventRow
from app.postgres.planning import PLANNED_ANEW
from app.schemas.event_queries import EventFilter
from app.schemas.page_token import PageToken


@dataclass(frozen=True, slots=True)
class Page:
    """Some events in the order asked for, how many match altogether, and the token of the next page if any."""

    events: Sequence[EventRow]
    total: Total
    next: PageToken | None


class Newest(NamedTuple):
    """The position and the id of the newest event; 0 and None when the log is empty."""

    position: int
    id: UUID | None


def read_first_page(session: Session, event_filter: EventFilter, limit: int) -> Page:
    """Return the first `limit` events that match, in the order of time and then position.

    The log's position at this moment bounds all pages: what is appended later changes neither them nor the total.
    A limit of 0 asks for the total only and has no next page.
    """
    head = head_position(session)
    if limit == 0:
        return Page([], total_of(session, event_filter, head), None)
    events = find_events(session, event_filter, head=head, limit=limit + 1)
    is_all = len(events) <= limit
    total = Total(len(events), is_exact=True) if is_all else total_of(session, event_filter, head)
    return _page(events, event_filter, limit, head, total)


def read_next_page(session: Session, token: PageToken) -> Page:
    """Return the page that follows; it costs the same whichever page it is."""
    where = _comes_after(token)
    events = find_events(session, token.filter, head=token.head, limit=token.limit + 1, where=where)
    total = Total(token.total, is_exact=token.total_is_exact)
    return _page(events, token.filter, token.limit, token.head, total)


def find_events(
    session: Session,
    event_filter: EventFilter,
    *,
    limit: int,
    head: int | None = None,
    where: ColumnElement[bool] | None = None,
) -> Sequence[EventRow]:
    """Return the first `limit` events that match, in the order asked for.

    Only those up to the position `head` and those for which `where` holds are looked at, if given.
    """
    statement = select(EventRow).where(matching(event_filter, head=head)).limit(limit).execution_options(**PLANNED_ANEW)
    if where is not None:
        statement = statement.where(where)
    if event_filter.order == "ASC":
        return session.scalars(statement.order_by(EventRow.occurred, EventRow.position)).all()
    return session.scalars(statement.order_by(EventRow.occurred.desc(), EventRow.position.desc())).all()


def read_event(session: Session, wanted: UUID | int) -> EventRow:
    """Return the event of that id, or at that position.

    Raises:
        NotFound: the log has none.
    """
    column = EventRow.id if isinstance(wanted, UUID) else EventRow.position
    found = session.scalars(select(EventRow).where(column == wanted)).one_or_none()
    if found is None:
        raise NotFound("The log has no such event. A change that waits for its event is in the outbox.")
    return found


def head_position(session: Session) -> int:
    """Return the position of the newest event in the log, or 0 when it is empty."""
    return session.scalar(select(func.max(EventRow.position))) or 0


def newest_event(session: Session) -> Newest:
    """Return the newest event in the log."""
    newest = select(EventRow.position, EventRow.id).order_by(EventRow.position.desc()).limit(1)
    row = session.execute(newest).one_or_none()
    return Newest(*row) if row is not None else Newest(0, None)


def holds(session: Session, seen: Newest) -> bool:
    """Tell whether the log still has the event that was its newest one; an empty log has become any log."""
    return seen.id is None or session.scalar(select(EventRow.id).where(EventRow.position == seen.position)) == seen.id


def read_from(session: Session, position: int, limit: int) -> Sequence[EventRow]:
    """Return up to `limit` events from this position on, in the order of the log.

    Positions are given in the order of commits: a reader that goes on behind the last event it got misses none.
    """
    return session.scalars(
        select(EventRow).where(EventRow.position >= position).order_by(EventRow.position).limit(limit)
    ).all()


def _comes_after(token: PageToken) -> ColumnElement[bool]:
    """A place in the order instead of an offset: no page has to walk over those before it."""
    place = tuple_(EventRow.occurred, EventRow.position)
    last = tuple_(literal(token.after[0]), literal(token.after[1]))
    return place > last if token.filter.order == "ASC" else place < last


def _page(events: Sequence[EventRow], event_filter: EventFilter, limit: int, head: int, total: Total) -> Page:
    if len(events) <= limit:
        return Page(events, total, None)
    shown = events[:limit]
    token = PageToken(
        filter=event_filter,
        limit=limit,
        head=head,
        total=total.number,
        total_is_exact=total.is_exact,
        after=(shown[-1].occurred, shown[-1].position),
    )
    return Page(shown, total, token)
