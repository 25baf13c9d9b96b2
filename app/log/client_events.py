"""Appends the events of clients to the log, beside the registry's own and never in their place."""

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ARRAY, Uuid, any_, literal, select, union_all
from sqlalchemy.orm import Session

from app.capture.masking import Masker
from app.log.append import append, lock_log
from app.models import EventRow, SnapshotRow
from app.schemas.client_events import ClientEvent
from app.schemas.event import Event, Resource

OURS: Final = "aftercommit."
"""How the labels begin that only the registry gives."""


def append_client_events(session: Session, events: Sequence[ClientEvent], masker: Masker) -> int | None:
    """Append the events that are new, in their order, in the session's open transaction: all of them or none.

    An id that the log or the outbox has already, or that came before in the same batch, is a duplicate and left out.
    What is appended has no revision and no label that begins with `aftercommit.`, whatever the client sent: only
    the registry's own events have them.

    Returns:
        The log's new last position, or None when there was nothing new.
    """
    by_id: dict[UUID, ClientEvent] = {}
    for event in events:
        by_id.setdefault(event.id, event)
    if not by_id:
        return None
    # First the lock: while it is held nobody else appends, so what is new now is new at the commit. It also keeps
    # a snapshot from moving from the outbox to the log between the two looks.
    lock_log(session)
    known = _known_ids(session, list(by_id))
    new = [event for event in by_id.values() if event.id not in known]
    if not new:
        return None
    return append(session, [_as_event(event, masker) for event in new], rescued=0)


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
        related=[_masked_labels(labels, masker) for labels in event.related],
        payload=masker.mask("payload", event.payload),
        follows=event.follows,
    )


def _masked_labels(labels: Resource, masker: Masker) -> Resource:
    masked = masker.mask("resource", {key: value for key, value in labels.items() if not key.startswith(OURS)})
    return {key: _as_text(value) for key, value in masked.items()}


def _as_text(value: Any) -> str:
    """Write a mask as a label can hold it, in the form that it has inside a URL."""
    return value if isinstance(value, str) else "-".join(next(iter(value.items())))
