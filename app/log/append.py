"""Appends events to the log at its next positions. The registry's events and the clients' events both use it."""

from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final
from uuid import uuid4

from sqlalchemy import Text, bindparam, cast, func, select, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session
from sqlalchemy.sql.dml import ReturningUpdate

from app.models import EventLog, EventRow
from app.postgres.base import core_table
from app.postgres.bulk import copy_rows, json_field, labels_field
from app.postgres.refusals import is_absence, is_refusal
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


def append_one_by_one(session: Session, events: Iterable[Event]) -> list[DBAPIError]:
    """Append each event under its own savepoint; return the errors of those that cannot be appended.

    Raises:
        sqlalchemy.exc.DBAPIError: the log accepts no event at all, so the events are not to blame.
    """
    appended, errors = 0, list[DBAPIError]()
    for event in events:
        try:
            with session.begin_nested():
                append(session, [event], rescued=0)
        except DBAPIError as error:
            if is_absence(error):
                raise
            errors.append(error)
        else:
            appended += 1
    if not appended:
        check_log_accepts_events(session, errors)
    return errors


def check_log_accepts_events(session: Session, errors: Collection[Exception]) -> None:
    """Find out whether events failed by themselves, or because the log accepts none at the moment.

    Most errors name their event or row. For the others, such as a full disk or a missing privilege, a neutral event is
    appended and rolled back.

    Args:
        session: the open transaction, in which no event has been appended.
        errors: the errors of the events that failed; none may be an absence.

    Raises:
        sqlalchemy.exc.DBAPIError: the log does not accept the neutral event either.
    """
    if all(is_refusal(error) or not isinstance(error, DBAPIError) for error in errors):
        return
    savepoint = session.begin_nested()
    try:
        append(session, [_neutral_event()], rescued=0)
    finally:
        savepoint.rollback()


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


def _neutral_event() -> Event:
    resource = {RESOURCE_ID: "aftercommit.probe"}
    return Event(
        id=uuid4(),
        occurred=datetime.now(UTC),
        event="aftercommit.probe",
        resource=resource,
        related=[],
        payload={},
        follows=None,
    )
