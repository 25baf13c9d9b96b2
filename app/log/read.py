"""Reads the event log: pages in the order of time, single events, and the newest event."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import ColumnElement, func, literal, select, tuple_
from sqlalchemy.orm import Session

from app.errors import NotFound
from app.log.filter import matching
from app.log.totals import Total, total_of
from app.models import EventRow
from app.postgres.engine import CUSTOM_PLAN
from app.schemas.event_queries import EventFilter
from app.schemas.page_token import PageToken


@dataclass(frozen=True, slots=True)
class Page:
    """The events of a page in the requested order, the total of all pages, and the token of the next page if any."""

    events: Sequence[EventRow]
    total: Total
    next: PageToken | None


def read_first_page(session: Session, event_filter: EventFilter, limit: int) -> Page:
    """Return the first `limit` matching events, in the order of time and then position.

    All pages end at the log's current last position, so later appends change neither the pages nor the total.
    With a `limit` of 0, the page has only the total and no next page.
    """
    head = head_position(session)
    if limit == 0:
        return Page([], total_of(session, event_filter, head), None)
    events = find_events(session, event_filter, head=head, limit=limit + 1)
    is_all = len(events) <= limit
    total = Total(len(events), is_exact=True) if is_all else total_of(session, event_filter, head)
    return _page(events, event_filter, limit, head, total)


def read_next_page(session: Session, token: PageToken) -> Page:
    """Return the next page. Late pages cost the same as early ones."""
    where = _after_token(token)
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
    """Return the first `limit` matching events, in the order that the filter requests.

    If they are not None, `head` is the last position to consider and `where` an additional condition.
    """
    statement = select(EventRow).where(matching(event_filter, head=head)).limit(limit).execution_options(**CUSTOM_PLAN)
    if where is not None:
        statement = statement.where(where)
    if event_filter.order == "ASC":
        return session.scalars(statement.order_by(EventRow.occurred, EventRow.position)).all()
    return session.scalars(statement.order_by(EventRow.occurred.desc(), EventRow.position.desc())).all()


def read_event(session: Session, id_or_position: UUID | int) -> EventRow:
    """Return the event with this id or at this position.

    Raises:
        NotFound: the log has no such event.
    """
    column = EventRow.id if isinstance(id_or_position, UUID) else EventRow.position
    event = session.scalars(select(EventRow).where(column == id_or_position)).one_or_none()
    if event is None:
        raise NotFound("The log has no such event. A change without an event yet is in the outbox.")
    return event


def head_position(session: Session) -> int:
    """Return the position of the newest event in the log, or 0 when it is empty."""
    return session.scalar(select(func.max(EventRow.position))) or 0


def _after_token(token: PageToken) -> ColumnElement[bool]:
    """Match the events after the last one of the previous page: unlike an offset, this skips no rows."""
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
