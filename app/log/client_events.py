"""Appends the events that clients send to the log. They can neither replace nor imitate the registry's own events."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import ARRAY, Uuid, any_, literal, select, union_all
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from app.capture.masking import Masker
from app.capture.masking_key import require_known_key
from app.capture.masking_urls import as_text
from app.log.append import append, append_one_by_one, lock_log
from app.models import EventRow, SnapshotRow
from app.schemas.client_events import ClientEvent
from app.schemas.event import RESERVED_PREFIX, RESOURCE_ID, Event, Resource


def append_client_events(session: Session, events: Sequence[ClientEvent], masker: Masker) -> None:
    """Append the new events in their order, in the session's open transaction: all of them or none.

    An event is left out as a duplicate if its id is already in the log, in the outbox or earlier in the same batch.
    The appended events have no revision, no label and no related resource that begins with `aftercommit.`, whatever
    the client sent: only the service's own events have these.

    Raises:
        WrongMaskingKey: the masks in the database were made with another key.
        sqlalchemy.exc.DBAPIError: the database refuses an event.
    """
    if new := _new_events(session, events, masker):
        append(session, new, rescued=0)


def append_storable_client_events(
    session: Session, events: Sequence[ClientEvent], masker: Masker
) -> Sequence[DBAPIError]:
    """Append the new events that the database accepts, and return the errors of the others."""
    new = _new_events(session, events, masker)
    return append_one_by_one(session, new)


def _new_events(session: Session, events: Sequence[ClientEvent], masker: Masker) -> list[Event]:
    by_id: dict[UUID, ClientEvent] = {}
    for event in events:
        by_id.setdefault(event.id, event)
    if not by_id:
        return []
    require_known_key(session, masker)
    # The lock comes first. While it is held, no other transaction appends and no snapshot moves from the outbox to the
    # log, so an id that is new now is still new at the commit.
    lock_log(session)
    known = _known_ids(session, list(by_id))
    return [_as_event(event, masker) for event in by_id.values() if event.id not in known]


def _known_ids(session: Session, ids: list[UUID]) -> set[UUID]:
    wanted = any_(literal(ids, ARRAY(Uuid)))
    logged = select(EventRow.id).where(EventRow.id == wanted)
    pending = select(SnapshotRow.id).where(SnapshotRow.id == wanted)
    return set(session.scalars(union_all(logged, pending)))


def _as_event(event: ClientEvent, masker: Masker) -> Event:
    return Event(
        id=event.id,
        occurred=event.occurred,
        event=event.event,
        resource=_masked_labels(event.resource, masker),
        related=[_masked_labels(labels, masker) for labels in event.related if not _is_ours(labels)],
        payload=masker.mask("payload", event.payload),
        follows=event.follows,
    )


def _masked_labels(labels: Resource, masker: Masker) -> Resource:
    masked = masker.mask(
        "resource", {key: value for key, value in labels.items() if not key.startswith(RESERVED_PREFIX)}
    )
    return {key: as_text(value) for key, value in masked.items()}


def _is_ours(labels: Resource) -> bool:
    """Return whether these are the labels of an actor, or of another resource that only the service names."""
    return labels[RESOURCE_ID].startswith(RESERVED_PREFIX)
