"""Appends events to the log at its next positions: the one mechanism, for the registry's events and for clients'."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import BigInteger, DateTime, Integer, Text, Uuid, column, func, insert, literal, select, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session
from sqlalchemy.types import TypeEngine

from app.database import Json
from app.events.schema import RESOURCE_ID, REVISION, Event
from app.models import EventLog, EventRow

COLUMNS: dict[str, TypeEngine[Any]] = {
    "position": BigInteger(),
    "id": Uuid(),
    "occurred": DateTime(timezone=True),
    "event": Text(),
    "resource_id": Text(),
    "resource": Json,
    "related": Json,
    "payload": Json,
    "follows": Uuid(),
    "revision": Integer(),
}


def append(session: Session, events: Sequence[Event], *, rescued: int) -> int:
    """Append the events in the given order and return the log's new last position.

    The update of the head row is the append lock: it is held from here to the commit, so positions are dense, grow
    in commit order, and a rollback gives them back. Two statements, whatever the number of events.
    """
    count = len(events)
    last = session.scalars(
        update(EventLog)
        .values(position=EventLog.position + count, rescued=EventLog.rescued + rescued)
        .returning(EventLog.position)
    ).one()
    rows = [_row(event, last - count + at) for at, event in enumerate(events, start=1)]
    arrays = [
        literal([row[at] for row in rows], ARRAY(type_, dimensions=1)) for at, type_ in enumerate(COLUMNS.values())
    ]
    appended = func.unnest(*arrays).table_valued(*(column(name, type_) for name, type_ in COLUMNS.items()))
    source = appended.render_derived(name="appended")
    session.execute(insert(EventRow).from_select(list(COLUMNS), select(*source.c)))
    return last


def lock_log(session: Session) -> None:
    """Take the append lock, and hold it to the end of the transaction: what the log holds now it holds at the commit.

    A statement *after* this one sees all that is appended.
    """
    session.execute(select(EventLog.position).with_for_update())


def _row(event: Event, position: int) -> tuple[object, ...]:
    return (
        position,
        event.id,
        event.occurred,
        event.event,
        event.resource[RESOURCE_ID],
        event.resource,
        event.related,
        event.payload,
        event.follows,
        # Only the registry's own events carry the label: what a client sends loses it before it comes here.
        int(event.resource[REVISION]) if REVISION in event.resource else None,
    )
