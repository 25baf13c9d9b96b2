"""Appends events to the log at its next positions: the one mechanism, for the registry's events and for clients'."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import bindparam, select, update
from sqlalchemy.orm import Session
from sqlalchemy.sql.dml import ReturningUpdate

from app.models import EventLog, EventRow
from app.postgres.copying import copy_rows, json_field, labels_field
from app.postgres.engine import core_table
from app.schemas.event import RESOURCE_ID, REVISION, Event

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


def append(session: Session, events: Sequence[Event], *, rescued: int) -> int:
    """Append the events in the given order and return the log's new last position.

    The update of the head row is the append lock: it is held from here to the commit, so positions are dense, grow
    in commit order, and a rollback gives them back. Two statements, whatever the number of events.

    Raises:
        sqlalchemy.exc.DBAPIError: the database refuses an event, or one cannot be written.
    """
    # Everybody who appends waits while the lock is held, so what can be done before is.
    rows = [_row(event) for event in events]
    last: int = session.execute(_advance(), {"more": len(rows), "more_rescued": rescued}).scalar_one()
    first = last - len(rows) + 1
    copy_rows(session, core_table(EventRow), COLUMNS, ((first + at, *row) for at, row in enumerate(rows)))
    return last


def lock_log(session: Session) -> None:
    """Take the append lock, and hold it to the end of the transaction: what the log holds now it holds at the commit.

    A statement *after* this one sees all that is appended.
    """
    session.execute(select(EventLog.position).with_for_update())


@lru_cache
def _advance() -> ReturningUpdate[Any]:
    """Return the update of the head row, built once; it takes how many events come, and how many of them rescued."""
    head = core_table(EventLog)
    position, rescued = head.c.position + bindparam("more"), head.c.rescued + bindparam("more_rescued")
    return update(head).values(position=position, rescued=rescued).returning(head.c.position)


def _row(event: Event) -> tuple[object, ...]:
    """Return the values of all columns but the position."""
    return (
        event.id,
        event.occurred,
        event.event,
        event.resource[RESOURCE_ID],
        labels_field(event.resource),
        labels_field(event.related),
        json_field(event.payload),
        event.follows,
        # Only the registry's own events carry the label: what a client sends loses it before it comes here.
        int(event.resource[REVISION]) if REVISION in event.resource else None,
    )
