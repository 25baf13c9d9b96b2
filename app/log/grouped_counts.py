"""Counts the events that match a filter: by time, by event name or by resource."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, DateTime, Interval, func, literal, select
from sqlalchemy.orm import Session

from app.errors import InvalidRequest
from app.log.filter import matching
from app.models import EventRow
from app.schemas.event import RESOURCE_NAME
from app.schemas.event_counts import Countable, CountQuery, EventCount, TimeUnit
from app.schemas.event_queries import EventFilter

MAX_BUCKETS: Final = 1000
MAX_GROUPS: Final = 10_000
"""The most names or resources in one response."""
ORIGIN: Final = datetime(2024, 4, 1, tzinfo=UTC)
"""A Monday. Buckets of every length are aligned to this time, as in Prefect."""
TICK: Final = timedelta(microseconds=1)

Bucket = tuple[datetime, datetime]


def count_events(session: Session, countable: Countable, query: CountQuery) -> list[EventCount]:
    """Return the numbers of matching events, grouped by `countable`.

    By time or day, the result has every bucket of the filter's time range in order, including the empty ones; a bucket
    that begins at the end of the range is not in it. A range without an end ends now, by the database's clock, and one
    that ends later ends with the current unit. By event or resource, the most frequent come first.

    Raises:
        InvalidRequest: the time range has more than 1000 buckets, the interval is too long, a bucket is outside of the
            years 1 to 9999, or the events have more than 10,000 different names or resources.
    """
    if countable is Countable.EVENT:
        return _count_by_name(session, query.filter)
    if countable is Countable.RESOURCE:
        return _count_by_resource(session, query.filter)
    if countable is Countable.DAY:
        return _count_by_time(session, query.filter, TimeUnit.DAY, TimeUnit.DAY.length)
    return _count_by_time(session, query.filter, query.time_unit, _length(query))


def _count_by_time(session: Session, event_filter: EventFilter, unit: TimeUnit, length: timedelta) -> list[EventCount]:
    now = session.scalars(select(func.clock_timestamp(type_=DateTime(timezone=True)))).one()
    until = event_filter.occurred.until or now
    if until > now:
        until = ORIGIN + ((now - ORIGIN) // unit.length + 1) * unit.length
    buckets = _buckets(event_filter.occurred.since, until, length)
    if not buckets:
        return []
    origin = literal(ORIGIN, DateTime(timezone=True))
    bucket = func.date_bin(literal(length, Interval), EventRow.occurred, origin).label("bucket")
    rows = session.execute(
        select(bucket, func.count().label("events"))
        .where(matching(event_filter), EventRow.occurred <= buckets[-1][1])
        .group_by(bucket)
    )
    counts: dict[datetime, int] = {row.bucket: row.events for row in rows}
    return [
        EventCount(value=str(at), label=start.isoformat(), count=counts.get(start, 0), start_time=start, end_time=end)
        for at, (start, end) in enumerate(buckets)
    ]


def _count_by_name(session: Session, event_filter: EventFilter) -> list[EventCount]:
    count = func.count().label("count")
    rows = session.execute(
        select(EventRow.event, count, *_first_and_last())
        .where(matching(event_filter))
        .group_by(EventRow.event)
        .order_by(count.desc(), EventRow.event)
        .limit(MAX_GROUPS + 1)
    )
    return _within_bound([_event_count(name, name, *rest) for name, *rest in rows])


def _count_by_resource(session: Session, event_filter: EventFilter) -> list[EventCount]:
    groups = (
        select(
            EventRow.resource_id,
            func.count().label("count"),
            *_first_and_last(),
            func.max(EventRow.position).label("position"),
        )
        .where(matching(event_filter))
        .group_by(EventRow.resource_id)
        .limit(MAX_GROUPS + 1)
        .subquery("by_resource")
    )
    # Names change, so the label is the name in the latest matching event.
    name = func.coalesce(EventRow.resource.expression[RESOURCE_NAME].astext, groups.c.resource_id).label("name")
    rows = session.execute(
        select(groups.c.resource_id, name, groups.c.count, groups.c.first, groups.c.last)
        .join(EventRow, EventRow.position == groups.c.position)
        .order_by(groups.c.count.desc(), name, groups.c.resource_id)
    )
    return _within_bound([_event_count(*row) for row in rows])


def _within_bound(counts: list[EventCount]) -> list[EventCount]:
    if len(counts) > MAX_GROUPS:
        raise InvalidRequest(f"There are more than {MAX_GROUPS} groups of events. Use a filter that matches less.")
    return counts


def _first_and_last() -> tuple[ColumnElement[Any], ColumnElement[Any]]:
    return func.min(EventRow.occurred).label("first"), func.max(EventRow.occurred).label("last")


def _event_count(value: str, label: str, count: int, first: datetime, last: datetime) -> EventCount:
    return EventCount(value=value, label=label, count=count, start_time=first, end_time=last)


def _length(query: CountQuery) -> timedelta:
    try:
        return query.time_unit.length * query.time_interval
    except OverflowError:
        raise InvalidRequest("The time interval is too long.") from None


def _buckets(since: datetime, until: datetime, length: timedelta) -> list[Bucket]:
    """Return the first and last moment of each bucket, from the one that contains `since` to the one before `until`."""
    # Negated twice, `//` rounds up.
    first, end = (since - ORIGIN) // length, -((ORIGIN - until) // length)
    number = -((since - until) // length)
    if number > MAX_BUCKETS:
        raise InvalidRequest(
            f"The time range has {number} buckets, more than {MAX_BUCKETS}. "
            "Use a longer interval or a shorter time range."
        )
    try:
        return [(ORIGIN + length * at, ORIGIN + length * (at + 1) - TICK) for at in range(first, end)]
    except OverflowError:
        raise InvalidRequest("The time range ends outside of the calendar. Use a shorter one.") from None
