"""Reads the log by position, for readers that follow it: pages of bounded size, ready to be sent or printed."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from app.models import EventRow
from app.schemas.event import ReceivedEvent
from app.schemas.event_queries import EventFilter, OccurredFilter

WINDOW: Final = 10_000
"""The most positions that one statement scans, so that it ends soon even if few events match."""
PAGE_EVENTS: Final = 200
PAGE_CHARACTERS: Final = 1_000_000
FETCH: Final = 20
"""Rows fetched at once. It is small, because a single event can be more than a megabyte."""
ANY_TIME: Final = OccurredFilter(since=datetime.min.replace(tzinfo=UTC))

Render = Callable[[EventRow], str]


@dataclass(frozen=True, slots=True)
class Frame:
    """An event as it is sent or printed; all readers with the same filter share it."""

    position: int
    occurred: datetime
    text: str


@dataclass(frozen=True, slots=True)
class Page:
    """The next matching events. There are no others up to the position `read_until`."""

    frames: list[Frame]
    read_until: int


def as_json(row: EventRow) -> str:
    """Return the event as one line of JSON, with its position in the log."""
    return ReceivedEvent.model_validate(row, from_attributes=True).model_dump_json()


def without_times(event_filter: EventFilter) -> EventFilter:
    """Return the part of a filter that the database evaluates once for all readers with the same filter.

    The times are left out: they differ from reader to reader and are easy to compare in Python. `distinct` is left
    out too: at the moment when an event is appended, it is the latest of its resource.
    """
    resource = event_filter.resource.model_copy(update={"distinct": False})
    return event_filter.model_copy(update={"occurred": ANY_TIME, "resource": resource, "order": "ASC"})


def read_page(session: Session, matches: ColumnElement[bool], after: int, head: int, render: Render = as_json) -> Page:
    """Read the next events that match, after the position `after`, up to `head`, which the log must have reached.

    Positions are dense and grow in commit order, so no event up to `head` can appear later: a reader that continues
    after `read_until` misses none and gets none twice.
    """
    end = min(after + WINDOW, head)
    statement = (
        select(EventRow)
        .where(EventRow.position > after, EventRow.position <= end, matches)
        .order_by(EventRow.position)
        .limit(PAGE_EVENTS)
    )
    frames: list[Frame] = []
    size = 0
    with session.scalars(statement, execution_options={"yield_per": FETCH}) as rows:
        for row in rows:
            frames.append(Frame(row.position, row.occurred, render(row)))
            size += len(frames[-1].text)
            if size >= PAGE_CHARACTERS or len(frames) == PAGE_EVENTS:
                return Page(frames, row.position)
    return Page(frames, max(end, after))


def position_before(session: Session, since: datetime, head: int) -> int:
    """Return the position to start after, so that no event up to `head` that occurred at `since` or later is missed."""
    # The `+ 0` keeps PostgreSQL from scanning the whole log by position until it finds the first match.
    first = session.scalar(
        select(func.min(EventRow.position + 0)).where(EventRow.occurred >= since, EventRow.position <= head)
    )
    return head if first is None else first - 1
