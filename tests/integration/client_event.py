"""Events as clients send them."""

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4


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
    """Return events whose payload counts from the first number to the last."""
    return [a_client_event(payload={"number": number}, **fields) for number in range(first, last + 1)]
