"""Reads both truths: what was committed, from our log, and what a Prefect server told, from its table."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.capture.masking import Masker
from app.models import EventRow, HeldChange, Source
from app.schemas.event import SOURCE
from app.sources.foreign import Connection
from app.sources.report.tellings import OPERATIONS, Telling, telling

READ_TOLD: Final = """
SELECT id, occurred, event, resource_id, resource ->> 'prefect.resource.name', payload
FROM public.events
WHERE event = ANY(%(names)s) AND occurred BETWEEN %(since)s AND %(until)s
"""
READ_NAMES: Final = """
SELECT name FROM unnest(%(names)s::text[]) AS name WHERE EXISTS (SELECT FROM public.events WHERE event = name)
"""
READ_OLDEST: Final = "SELECT min(occurred) FROM public.events"
# The time of the oldest change that is not moved, less a tick; at most some time ago.
READ_END: Final = """
SELECT least(clock_timestamp() - %(settled)s, min(at) - interval '1 microsecond')
FROM aftercommit.row_change
WHERE pg_visible_in_snapshot(xid, coalesce(%(moved_until)s::pg_snapshot, '1:1:')) IS NOT TRUE
"""
OBSERVED: Final = "aftercommit.%.observed"


def event_names(kind: str) -> list[str]:
    """Return the names of all events that Prefect may have about resources of this kind."""
    return [f"prefect.{kind}.{operation}" for operation in OPERATIONS]


def read_tellings(
    connection: Connection, maskers: Mapping[str, Masker], since: datetime, until: datetime
) -> Iterator[Telling]:
    """Yield what the server told about these kinds. The connection must be in a transaction."""
    for kind, masker in maskers.items():
        limits = {"names": event_names(kind), "since": since, "until": until}
        for row in connection.execute(READ_TOLD, limits):
            yield telling(masker, *row)


def read_end(connection: Connection, source: Source, settled: timedelta) -> datetime:
    """Return the time up to which all changes are in the log, and all events in the server's table."""
    limits = {"moved_until": source.moved_until, "settled": settled}
    row = connection.execute(READ_END, limits).fetchone()
    assert row is not None, "an aggregate has one row"
    end: datetime = row[0]
    return end


def read_told_names(connection: Connection, kinds: Sequence[str]) -> set[str]:
    """Return the names of the events that this server has told at any time."""
    names = [name for kind in kinds for name in event_names(kind)]
    return {name for (name,) in connection.execute(READ_NAMES, {"names": names})}


def read_oldest(connection: Connection) -> datetime | None:
    """Return the time of the oldest event in the table: the server deletes old ones."""
    row = connection.execute(READ_OLDEST).fetchone()
    return None if row is None else row[0]


def read_events(session: Session, source: Source, since: datetime, until: datetime) -> list[EventRow]:
    """Return our events of the source's resources in this time."""
    return list(
        session.scalars(
            select(EventRow)
            .where(EventRow.occurred.between(since, until), EventRow.revision.is_not(None))
            .where(EventRow.resource.expression[SOURCE].astext == source.name)
            .order_by(EventRow.occurred, EventRow.position)
        )
    )


def read_held(session: Session, source: Source) -> datetime:
    """Return the time before the first change that could not be moved, or the latest possible time."""
    first = session.scalar(select(func.min(HeldChange.at)).where(HeldChange.source_id == source.id))
    return datetime.max.replace(tzinfo=UTC) if first is None else first - timedelta(microseconds=1)


def read_first_look(session: Session, source: Source) -> datetime | None:
    """Return the time by which the last resource was observed at an attachment, by that server's clock."""
    return session.scalar(
        select(EventRow.occurred)
        .where(EventRow.event.like(OBSERVED), EventRow.resource.expression[SOURCE].astext == source.name)
        .order_by(EventRow.position.desc())
        .limit(1)
    )
