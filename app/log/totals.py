"""Counts the events that match a filter, up to a limit, so that the cost does not grow with the log."""

from dataclasses import dataclass
from typing import Final

from sqlalchemy import ColumnElement, func, literal, select
from sqlalchemy.orm import Session

from app.log.filter import matching
from app.models import EventRow
from app.postgres.engine import CUSTOM_PLAN
from app.schemas.event_queries import EventFilter, OccurredFilter

MAX_COUNTED: Final = 10_000
"""The most events that are counted one by one. Each costs at least one index entry and at most one row."""


@dataclass(frozen=True, slots=True)
class Total:
    """The number of matching events. If it is not exact, it is a lower bound."""

    number: int
    is_exact: bool


def total_of(session: Session, event_filter: EventFilter, head: int) -> Total:
    """Return the total of matching events up to the position `head`.

    It is exact if at most `MAX_COUNTED` events match. For a filter with only times, it is also exact if at most
    `MAX_COUNTED` events are outside of its time range: the others match, and the log has `head` events in total,
    because positions are dense.
    """
    if _has_only_times(event_filter):
        outside = sum(
            _count(session, EventRow.position <= head, condition) for condition in _outside(event_filter.occurred)
        )
        if outside <= MAX_COUNTED:
            # If the range ends before it begins, each event is outside and may be counted twice.
            return Total(max(head - outside, 0), is_exact=True)
    count = _count(session, matching(event_filter, head=head))
    return Total(min(count, MAX_COUNTED), is_exact=count <= MAX_COUNTED)


def _has_only_times(event_filter: EventFilter) -> bool:
    return event_filter == EventFilter(occurred=event_filter.occurred, order=event_filter.order)


def _outside(window: OccurredFilter) -> list[ColumnElement[bool]]:
    before = [EventRow.occurred < window.since]
    return before if window.until is None else [*before, EventRow.occurred > window.until]


def _count(session: Session, *conditions: ColumnElement[bool]) -> int:
    """Count the events that meet all conditions, but stop at `MAX_COUNTED` + 1."""
    matches = select(literal(1)).select_from(EventRow).where(*conditions).limit(MAX_COUNTED + 1).subquery("matches")
    return session.scalars(select(func.count()).select_from(matches).execution_options(**CUSTOM_PLAN)).one()
