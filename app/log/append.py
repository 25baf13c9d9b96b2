"""Appends events to the log at its next positions. The registry's events and the clients' events both use it."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Text, bindparam, cast, func, select, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session
from sqlalchemy.sql.dml import ReturningUpdate

from app.models import EventLog, EventRow
from app.postgres.base import core_table
from app.postgres.bulk import copy_rows, json_field, labels_field
from app.postgres.refusals import is_refusal
from app.schemas.event import RESOURCE_ID, REVISION, Event

CHANNEL: Final = "aftercommit_log"
"""The channel on which PostgreSQL notifies listeners of the log's new last position, when the append commits."""

COLUMNS: Final = (
    "position",
    "id",
    "occurred",
    "event",
    "resource_id",
    "resource",
    "related",
    "payload",
    "follows",
    "revision",
)


@dataclass(slots=True)
class AppendResult:
    """The events that `append_one_by_one` appended, and the errors of the refused ones by event id."""

    appended: list[Event] = field(default_factory=list)
    refused: dict[UUID, DBAPIError] = field(default_factory=dict)


def append(session: Session, events: Sequence[Event], *, rescued: int) -> int:
    """Append the events in this order and return the log's new last position; listeners are notified at the commit.

    The update of the head row is the append lock. It is held until the commit, so positions are dense, grow in commit
    order, and a rollback frees them. Any number of events takes two statements.

    `rescued` is how many of the events only the sweep found.

    Raises:
        sqlalchemy.exc.DBAPIError: the database refuses an event, or one cannot be written.
    """
    # Other appends wait while the lock is held, so the rows are serialized before it is taken.
    rows = [_row(event) for event in events]
    last: int = session.execute(_advance(), {"more": len(rows), "more_rescued": rescued}).one().position
    first = last - len(rows) + 1
    copy_rows(session, core_table(EventRow), COLUMNS, ((first + at, *row) for at, row in enumerate(rows)))
    return last


def append_one_by_one(
    session: Session, events: Iterable[Event], *, rescued: Collection[UUID] = (), in_order: bool
) -> AppendResult:
    """Append each event under its own savepoint, to find out which of them the database refuses.

    Args:
        session: the open transaction.
        events: the events to append, in this order.
        rescued: the ids of the events that only the sweep found.
        in_order: whether a refused event stops the later events of the same resource, which are then left out.

    Raises:
        sqlalchemy.exc.DBAPIError: the database failed for another reason than a refusal.
    """
    result = AppendResult()
    stopped: set[str] = set()
    for event in events:
        if event.resource[RESOURCE_ID] in stopped:
            continue
        try:
            with session.begin_nested():
                append(session, [event], rescued=int(event.id in rescued))
        except DBAPIError as error:
            if not is_refusal(error):
                raise
            result.refused[event.id] = error
            if in_order:
                stopped.add(event.resource[RESOURCE_ID])
        else:
            result.appended.append(event)
    return result


def lock_log(session: Session) -> None:
    """Take the append lock until the transaction ends. Other transactions cannot append meanwhile.

    A statement *after* this one sees every event that is in the log.
    """
    session.execute(select(EventLog.position).with_for_update())


@lru_cache
def _advance() -> ReturningUpdate[Any]:
    """Return the update of the head row. Its parameters: the number of events, and how many the sweep rescued.

    The same statement notifies the listeners, to save a round trip. PostgreSQL sends the notification at the commit.
    """
    head = core_table(EventLog)
    position, rescued = head.c.position + bindparam("more"), head.c.rescued + bindparam("more_rescued")
    notify = func.pg_notify(CHANNEL, cast(head.c.position, Text))
    return update(head).values(position=position, rescued=rescued).returning(head.c.position, notify)


def _row(event: Event) -> tuple[object, ...]:
    """Return the values of all columns except the position."""
    return (
        event.id,
        event.occurred,
        event.event,
        event.resource[RESOURCE_ID],
        labels_field(event.resource),
        labels_field(event.related),
        json_field(event.payload),
        event.follows,
        # Only the registry's own events have this label: it is removed from what clients send.
        int(event.resource[REVISION]) if REVISION in event.resource else None,
    )
