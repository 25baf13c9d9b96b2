"""Reads the log by position for those who follow it: pages of bounded size, ready to be sent."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.log.filter import matching
from app.models import EventRow
from app.schemas.event import ReceivedEvent
from app.schemas.event_queries import EventFilter, OccurredFilter

WINDOW: Final = 10_000
"""Positions that one statement looks at, so that it ends soon however few of them match."""
PAGE_EVENTS: Final = 200
PAGE_BYTES: Final = 1_000_000
FETCH: Final = 20
"""Rows fetched at once: one event can be more than a megabyte."""
EVER: Final = OccurredFilter(since=datetime.min.replace(tzinfo=UTC))


@dataclass(frozen=True, slots=True)
class Frame:
    """An event as it is sent; all readers share it."""

    position: int
    occurred: datetime
    json: str


@dataclass(frozen=True, slots=True)
class Page:
    """The next matching events, and up to which position there are no others."""

    frames: list[Frame]
    reached: int


def following(event_filter: EventFilter) -> EventFilter:
    """Return the part of a filter that the database answers for everybody who asks the same.

    The times are left out, because they differ from reader to reader and compare the same everywhere. So is
    `distinct`: in the moment that an event is appended it is the latest of its resource.
    """
    resource = event_filter.resource.model_copy(update={"distinct": False})
    return event_filter.model_copy(update={"occurred": EVER, "resource": resource, "order": "ASC"})


def read_page(session: Session, wanted: EventFilter, after: int, head: int) -> Page:
    """Read on behind the position `after`, up to `head` at most, which must be a position that the log has reached.

    Positions are dense and are given in the order of commits, so nothing up to `head` can appear later: who goes on
    at `reached` misses nothing and gets nothing twice.
    """
    end = min(after + WINDOW, head)
    statement = (
        select(EventRow)
        .where(EventRow.position > after, EventRow.position <= end, matching(wanted))
        .order_by(EventRow.position)
        .limit(PAGE_EVENTS)
    )
    frames: list[Frame] = []
    size = 0
    with session.scalars(statement, execution_options={"yield_per": FETCH}) as rows:
        for row in rows:
            frame = _frame(row)
            frames.append(frame)
            size += len(frame.json)
            if size >= PAGE_BYTES or len(frames) == PAGE_EVENTS:
                return Page(frames, frame.position)
    return Page(frames, max(end, after))


def position_before(session: Session, since: datetime, head: int) -> int:
    """Return the position behind which all events up to `head` stand that occurred at that time or later."""
    # The addition keeps PostgreSQL from walking the whole log by position until it finds the first of them.
    first = session.scalar(
        select(func.min(EventRow.position + 0)).where(EventRow.occurred >= since, EventRow.position <= head)
    )
    return head if first is None else first - 1


def _frame(row: EventRow) -> Frame:
    event = ReceivedEvent.model_validate(row, from_attributes=True)
    return Frame(event.position, event.occurred, event.model_dump_json())
