"""The routes that read pages of events, and count events."""

from typing import Annotated

from fastapi import Query, Request
from sqlalchemy.orm import Session

from app.log import grouped_counts as event_counts
from app.log import read as events
from app.schemas.event import ReceivedEvent
from app.schemas.event_counts import Countable, CountQuery, EventCount
from app.schemas.event_queries import EventPage, EventsQuery
from app.schemas.page_token import PageToken
from app.web.routing import make_router

router = make_router("/events", tags=["events"])


@router.post("/filter")
def read_events(request: Request, session: Session, query: EventsQuery | None = None) -> EventPage:
    """Return the first page of the events that match the filter, by default the newest first."""
    query = query or EventsQuery()
    return _page(request, events.read_first_page(session, query.filter, query.limit))


@router.get("/filter/next")
def read_next_events(
    request: Request,
    session: Session,
    page_token: Annotated[str, Query(alias="page-token", description="The token in `next_page`.")],
) -> EventPage:
    """Return the next page. The `next_page` of the page before contains this URL."""
    return _page(request, events.read_next_page(session, PageToken.decode(page_token)))


@router.post("/count-by/{countable}")
def count_events(countable: Countable, query: CountQuery, session: Session) -> list[EventCount]:
    """Count the events that match the filter, grouped by day, time, event name or resource."""
    return event_counts.count_events(session, countable, query)


def _page(request: Request, page: events.Page) -> EventPage:
    return EventPage(
        events=[ReceivedEvent.model_validate(event, from_attributes=True) for event in page.events],
        total=page.total.number,
        total_is_exact=page.total.is_exact,
        next_page=_link(request, page.next) if page.next is not None else None,
    )


def _link(request: Request, token: PageToken) -> str:
    """Return the absolute URL of the next page, with the root path under which a proxy may serve the API."""
    return str(request.url_for(read_next_events.__name__).include_query_params(**{"page-token": token.encode()}))
