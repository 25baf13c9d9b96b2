"""Builds events as clients send them."""

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import httpx2
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from app.models import EventRow


def a_client_event(**fields: Any) -> dict[str, Any]:
    """Return the body of an event that occurred just now."""
    return {
        "id": str(uuid4()),
        "occurred": datetime.now(UTC).isoformat(),
        "event": "ship.sailed",
        "resource": {"prefect.resource.id": "ship.1"},
        "related": [],
        "payload": {},
        **fields,
    }


def numbered(first: int, last: int, **fields: Any) -> list[dict[str, Any]]:
    """Return events whose payload numbers run from `first` to `last`."""
    return [a_client_event(payload={"number": number}, **fields) for number in range(first, last + 1)]


def post(client: httpx2.Client, *events: dict[str, Any], status: int = 204) -> httpx2.Response:
    """Send events and assert the response status."""
    response = client.post("/events", json=list(events))
    assert response.status_code == status, response.text
    return response


def log(sessions: sessionmaker[Session]) -> list[EventRow]:
    """Return the log in order."""
    with sessions() as session:
        return list(session.scalars(select(EventRow).order_by(EventRow.position)))
