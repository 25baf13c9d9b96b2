"""Appends events to the log as the workers would, for the tests of readers."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import func, select
from sqlalchemy.orm import Session, sessionmaker

from app.models import EventLog, EventRow
from app.schemas.event import RESOURCE_ID, RESOURCE_NAME, RESOURCE_ROLE

UPDATED = "prefect.deployment.updated"


def an_event(
    *,
    event: str = UPDATED,
    resource_id: str = "prefect.deployment.1",
    name: str | None = "nightly",
    occurred: datetime | None = None,
    related: Sequence[dict[str, str]] = (),
    labels: dict[str, str] | None = None,
    payload: dict[str, Any] | None = None,
    id_: UUID | None = None,
) -> EventRow:
    """Return an event without a position. It occurred a minute ago unless a time is passed."""
    named = {} if name is None else {RESOURCE_NAME: name}
    return EventRow(
        id=id_ or uuid4(),
        occurred=occurred or datetime.now(UTC) - timedelta(minutes=1),
        event=event,
        resource_id=resource_id,
        resource={RESOURCE_ID: resource_id, **named, **(labels or {})},
        related=list(related),
        payload={} if payload is None else payload,
        follows=None,
        revision=None,
    )


def a_related(resource_id: str, role: str, **labels: str) -> dict[str, str]:
    """Return a related resource; underscores in label names become dots."""
    return {
        RESOURCE_ID: resource_id,
        RESOURCE_ROLE: role,
        **{label.replace("_", "."): value for label, value in labels.items()},
    }


def append(sessions: sessionmaker[Session], *events: EventRow) -> list[EventRow]:
    """Append events at the next positions, in this order, and commit."""
    with sessions.begin() as session:
        log = session.get(EventLog, 1, with_for_update=True)
        last = session.scalar(select(func.max(EventRow.position))) or 0
        for position, event in enumerate(events, last + 1):
            event.position = position
            session.add(event)
        if log is not None:
            log.position = last + len(events)
    return list(events)
