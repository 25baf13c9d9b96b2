"""WebSockets opened as Prefect's client opens them, with the same first messages."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

PATIENCE = 30.0


def since_a_minute() -> dict[str, Any]:
    """Return the filter on times that Prefect's client sends: from a minute ago to a year ahead."""
    now = datetime.now(UTC)
    since, until = now - timedelta(minutes=1), now + timedelta(days=365)
    return {"occurred": {"since": since.isoformat(), "until": until.isoformat()}}


@contextmanager
def opened(address: str, path: str, **how: Any) -> Iterator[ClientConnection]:
    """Open `/events/in` or `/events/out` with Prefect's subprotocol."""
    with connect(f"ws://{address}/api/events/{path}", subprotocols=["prefect"], **how) as socket:  # type: ignore[list-item]
        assert socket.subprotocol == "prefect"
        yield socket


@contextmanager
def connected(address: str, path: str, **how: Any) -> Iterator[ClientConnection]:
    """Open the socket and authenticate, up to `auth_success`."""
    with opened(address, path, **how) as socket:
        send(socket, {"type": "auth", "token": None})
        assert json.loads(socket.recv(PATIENCE)) == {"type": "auth_success"}
        assert socket.ping().wait(PATIENCE)
        yield socket


@contextmanager
def subscribed(
    address: str, event_filter: dict[str, Any] | None = None, *, frame: dict[str, Any] | None = None, **how: Any
) -> Iterator[ClientConnection]:
    """Subscribe to `/events/out` with a filter. The default is the last minute and all future events."""
    with connected(address, "out", **how) as socket:
        send(socket, {"type": "filter", "filter": {**since_a_minute(), **(event_filter or {})}, **(frame or {})})
        yield socket


def send(socket: ClientConnection, frame: Any) -> None:
    """Send a JSON frame."""
    socket.send(json.dumps(frame))


def receive(socket: ClientConnection, count: int) -> list[dict[str, Any]]:
    """Return the next events."""
    frames = [json.loads(socket.recv(PATIENCE)) for _ in range(count)]
    assert {frame["type"] for frame in frames} <= {"event"}
    return [frame["event"] for frame in frames]


def numbers(events: list[dict[str, Any]]) -> list[int]:
    """Return the `number` in each payload."""
    return [event["payload"]["number"] for event in events]


def closed(socket: ClientConnection) -> tuple[int, str]:
    """Wait until the server closes, ignoring all frames before, and return its close code and reason."""
    with pytest.raises(ConnectionClosed) as raised:
        _receive_all(socket)
    received = raised.value.rcvd
    assert received is not None, f"the connection broke off: {raised.value}"
    return int(received.code), received.reason


def _receive_all(socket: ClientConnection) -> None:
    while True:
        socket.recv(PATIENCE)
