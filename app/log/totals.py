"""Tells how many events match a filter, at a cost that does not grow with the log."""

from dataclasses import dataclass
from typing import Final

from sqlalchemy import ColumnElement, func, literal, select
from sqlalchemy.orm import Session

from app.log.filter import matching
from app.models import EventRow
from app.postgres.planning import PLANNED_ANEW
from app.schemas.event_queries import EventFilter, OccurredFilter

COUNTED: Final = 10_000
"""How many events are counted one by one. Each costs an entry of an index at least, and a row at most."""


@dataclass(frozen=True, slots=True)
class Total:
    """How many events match: exactly, or else at least."""

    number: int
    is_exact: bool


def total_of(session: Session, event_filter: EventFilter, head: int) -> Total:
    """Return how many events up to the position `head` match.

    It is exact when no more than `COUNTED` match, and also when times are all that is asked for and no more than
    that are outside of them: positions are dense, so the log has `head` events.
    """
    if _asks_for_times_only(event_filter):
        outside = sum(_count(session, EventRow.position <= head, each) for each in _outside(event_filter.occurred))
        if outside <= COUNTED:
            # A window that ends before it begins has each event outside of it once or twice.
            return Total(max(head - outside, 0), is_exact=True)
    found = _count(session, matching(event_filter, head=head))
    return Total(min(found, COUNTED), is_exact=found <= COUNTED)


def _asks_for_times_only(event_filter: EventFilter) -> bool:
    return event_filter == EventFilter(occurred=event_filter.occurred, order=event_filter.order)


def _outside(window: OccurredFilter) -> list[ColumnElement[bool]]:
    before = [EventRow.occurred < window.since]
    return before if window.until is None else [*before, EventRow.occurred > window.until]


def _count(session: Session, *conditions: ColumnElement[bool]) -> int:
    """Count the events for which all of this holds, but stop behind `COUNTED`."""
    found = select(literal(1)).select_from(EventRow).where(*conditions).limit(COUNTED + 1).subquery("found")
    return session.scalars(select(func.count()).select_from(found).execution_options(**PLANNED_ANEW)).one()
