"""Appends events to the log at its next positions: the one mechanism, for the registry's events and for clients'."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import BigInteger, DateTime, Integer, Text, Uuid, bindparam, column, func, insert, select, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session
from sqlalchemy.sql.dml import Insert, ReturningUpdate
from sqlalchemy.types import TypeEngine

from app.database import Json, core_table
from app.events.schema import RESOURCE_ID, REVISION, Event
from app.models import EventLog, EventRow

COLUMNS: Final[dict[str, TypeEngine[Any]]] = {
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
    last: int = session.execute(_advance(), {"more": count, "more_rescued": rescued}).scalar_one()
    rows = [_row(event, last - count + at) for at, event in enumerate(events, start=1)]
    columns = zip(*rows, strict=True) if rows else ([] for _ in COLUMNS)
    session.execute(_insertion(), {_array(name): list(values) for name, values in zip(COLUMNS, columns, strict=True)})
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


@lru_cache
def _insertion() -> Insert:
    """Return the insertion of any number of events, built once; it takes an array for each column."""
    arrays = [bindparam(_array(name), type_=ARRAY(type_, dimensions=1)) for name, type_ in COLUMNS.items()]
    appended = func.unnest(*arrays).table_valued(*(column(name, type_) for name, type_ in COLUMNS.items()))
    source = appended.render_derived(name="appended")
    return insert(core_table(EventRow)).from_select(list(COLUMNS), select(*source.c))


def _array(name: str) -> str:
    # A parameter must not have the name of a column that is inserted into.
    return f"{name}_of_each"


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
