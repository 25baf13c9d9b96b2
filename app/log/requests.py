"""Reads what changed since a moment, folded by the requests that made the changes."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import chain, groupby, islice
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, Select, Text, and_, cast, func, select
from sqlalchemy.orm import Session

from app.capture.attribution import ACTOR, LABEL_OF
from app.log.net_changes import NetChange, net_change
from app.models import EventRow

LABELS: Final = (ACTOR, "request", "reason", "change", "on-behalf-of")
ROWS_AT_ONCE: Final = 100
"""How many events are in memory at once. Each may have a megabyte."""
RESOURCES_SHOWN: Final = 200
"""The most resources of one request whose changes are folded. The others are counted."""


@dataclass(frozen=True, slots=True)
class RequestChanges:
    """What one request changed, or one event without a request.

    `began` is the time of its first change, `labels` its actor, id and reasons by the part of the attribution.
    `left_out` counts the resources that are not in `changes`.
    """

    began: datetime
    labels: dict[str, str]
    changes: list[NetChange]
    left_out: int


@dataclass(frozen=True, slots=True)
class Requests:
    """The newest requests that match, newest first, and how many match in total."""

    shown: Iterator[RequestChanges]
    total: int


def read_requests(session: Session, where: ColumnElement[bool], limit: int) -> Requests:
    """Return the newest `limit` requests with changes of resources that match, each with its matching changes.

    The events are read in one statement, while the result is consumed. So memory depends neither on their number nor on
    `limit`. Requests belong together if all of `LABELS` are equal: a client may send an id twice.
    """
    rows = iter(session.execute(_statement(where, limit), execution_options={"yield_per": ROWS_AT_ONCE}))
    first = next(rows, None)
    if first is None:
        return Requests(iter(()), 0)
    return Requests(_fold(chain([first], rows)), first.total)


def _statement(where: ColumnElement[bool], limit: int) -> Select[*tuple[Any, ...]]:
    request = EventRow.resource[LABEL_OF["request"]].astext
    parts = [func.coalesce(EventRow.resource[LABEL_OF[part]].astext, "").label(part) for part in LABELS]
    # An event without a request stands alone.
    columns = [EventRow.position, EventRow.occurred, func.coalesce(request, cast(EventRow.id, Text)).label("alone")]
    changes = select(*columns, *parts).where(EventRow.revision.is_not(None), where).cte("changes")
    keys = ("alone", *LABELS)
    latest, last = func.max(changes.c.occurred).label("latest"), func.max(changes.c.position).label("last")
    newest = (
        select(
            *(changes.c[key] for key in keys),
            latest,
            last,
            func.min(changes.c.occurred).label("began"),
            func.count().over().label("total"),
        )
        .group_by(*(changes.c[key] for key in keys))
        .order_by(latest.desc(), last.desc())
        .limit(limit)
        .cte("newest")
    )
    return (
        select(EventRow, newest.c.last, newest.c.began, newest.c.total, *(newest.c[part] for part in LABELS))
        .join(changes, changes.c.position == EventRow.position)
        .join(newest, and_(*(newest.c[key] == changes.c[key] for key in keys)))
        .order_by(newest.c.latest.desc(), newest.c.last.desc(), EventRow.resource_id, EventRow.revision)
    )


def _fold(rows: Iterator[Row[Any]]) -> Iterator[RequestChanges]:
    for _, of_request in groupby(rows, key=lambda row: row.last):
        yield _request(of_request)


def _request(rows: Iterator[Row[Any]]) -> RequestChanges:
    head = next(rows)
    events = (row.EventRow for row in chain([head], rows))

    by_resource = groupby(events, key=lambda event: event.resource_id)
    changes = [net_change(of_resource) for _, of_resource in islice(by_resource, RESOURCES_SHOWN)]
    left_out = sum(1 for _ in by_resource)
    values = zip(LABELS, head[-len(LABELS) :], strict=True)
    return RequestChanges(head.began, {part: value for part, value in values if value}, changes, left_out)
