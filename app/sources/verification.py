"""Verifications of sources. They are asked for here; the workers do them, and tell each difference as `resynced`."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.errors import Conflict, NotFound
from app.log.acts import record_acts
from app.models import EventLog, EventRow, Source, SourceVerification
from app.schemas.event import RESOURCE_NAME, SOURCE
from app.settings import Settings
from app.sources.acts import source_act
from app.sources.known import find_source, lock_attached

SHOWN: Final = 1000
"""How many differences are listed at most. The log has all."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A resource whose rows were not as the log told. `fields` are those that differ; `exists`: whether it exists."""

    event: UUID
    position: int
    resource: str
    name: str | None
    exists: bool
    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Verification:
    """The latest verification of a source. `found` is the number of differences, of which the first are listed."""

    requested: datetime
    finished: datetime | None
    compared: int
    found: int
    differences: tuple[Difference, ...]


def request_verification(session: Session, settings: Settings, name: str) -> datetime:
    """Ask the workers to verify a source from the beginning, and return the time of the request.

    Raises:
        NotFound: there is no such source.
        Conflict: it is detached or paused.
    """
    source = lock_attached(session, name)
    if source.paused is not None:
        raise Conflict(f"{name} is paused. Resume it first: changes that wait would look like differences.")
    requested = ask(session, source.id)
    record_acts(session, settings, [source_act("verification-requested", source)])
    return requested


def ask(session: Session, source_id: UUID) -> datetime:
    """Store that a source is to be verified from the beginning. Its row must be locked."""
    new = insert(SourceVerification).values(
        source_id=source_id, since_position=select(EventLog.position).scalar_subquery()
    )
    anew = {
        "requested": func.clock_timestamp(),
        "since_position": new.excluded.since_position,
        "kind": None,
        "after": None,
        "compared": 0,
        "finished": None,
        "until_position": None,
    }
    statement = new.on_conflict_do_update(index_elements=["source_id"], set_=anew)
    requested: datetime = session.execute(statement.returning(SourceVerification.requested)).scalar_one()
    return requested


def read_verification(session: Session, name: str) -> Verification:
    """Return the latest verification of a source, as far as it is.

    Raises:
        NotFound: there is no such source, or it was never verified.
    """
    verification = find_verification(session, find_source(session, name))
    if verification is None:
        raise NotFound(f"{name} was not verified yet.")
    return verification


def find_verification(session: Session, source: Source, listed: int = SHOWN) -> Verification | None:
    """Return the latest verification of a source with the first differences, or None if it was never verified."""
    row = session.get(SourceVerification, source.id, populate_existing=True)
    if row is None:
        return None
    found = _found(source, row)
    return Verification(
        requested=row.requested,
        finished=row.finished,
        compared=row.compared,
        found=session.scalar(select(func.count()).select_from(EventRow).where(*found)) or 0,
        differences=tuple(_differences(session, found, listed)),
    )


def _found(source: Source, row: SourceVerification) -> Sequence[ColumnElement[bool]]:
    """Match the events of what passed by the triggers and was found meanwhile, by the comparison or by a change."""
    until = [] if row.until_position is None else [EventRow.position <= row.until_position]
    return (
        EventRow.position > row.since_position,
        EventRow.event.like("aftercommit.%.resynced"),
        EventRow.resource.expression[SOURCE].astext == source.name,
        *until,
    )


def _differences(session: Session, found: Sequence[ColumnElement[bool]], listed: int) -> list[Difference]:
    rows = session.scalars(select(EventRow).where(*found).order_by(EventRow.position).limit(listed))
    return [
        Difference(
            event=row.id,
            position=row.position,
            resource=row.resource_id,
            name=row.resource.get(RESOURCE_NAME),
            exists=row.payload["exists"],
            fields=tuple(row.payload.get("updated_fields") or row.payload.get("fields") or ()),
        )
        for row in rows
    ]
