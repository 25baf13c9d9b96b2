"""WebSockets and streams need the same credentials, and are closed when their key is revoked."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy.orm import Session, sessionmaker
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from app.access import credentials, key_ring
from app.settings import Settings
from tests.integration.client_event import a_client_event
from tests.integration.serving import Served, serving
from tests.integration.web.guarded import AUTH_STRING, assert_unauthorized, basic, bearer, new_key, revoke, set_up
from tests.sockets import PATIENCE, closed, opened, send
from tests.streams import streamed
from tests.waiting import wait_until

in_and_out = pytest.mark.parametrize("path", ["in", "out"])


@pytest.fixture
def served(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    """An API with an auth string that checks often for revoked keys."""
    set_up(monkeypatch, api_auth_string=AUTH_STRING)
    monkeypatch.setattr(key_ring, "FRESH_SECONDS", 0.0)
    monkeypatch.setattr(credentials, "RECHECK_SECONDS", 0.05)
    with serving() as served:
        yield served


def answer(served: Served, path: str, token: object, **how: Any) -> object:
    """Return the response to the auth frame, or how the connection is closed."""
    with opened(served.address, path, **how) as socket:
        send(socket, {"type": "auth", "token": token})
        try:
            return json.loads(socket.recv(PATIENCE))
        except Exception:  # noqa: BLE001  # Whatever the error, return how it closed.
            return closed(socket)


@in_and_out
@pytest.mark.parametrize("token", [None, ""])
def test_a_socket_without_a_token_is_closed_with_the_reason(served: Served, path: str, token: str | None) -> None:
    assert answer(served, path, token) == (1008, "Auth required but no token provided")


@in_and_out
@pytest.mark.parametrize("token", ["user:wrong", "ac_wrong"])
def test_a_socket_with_a_wrong_token_is_closed_with_the_reason(served: Served, path: str, token: str) -> None:
    assert answer(served, path, token) == (1008, "Invalid token")


@in_and_out
def test_a_socket_with_the_auth_string_or_a_key_is_accepted(
    served: Served, path: str, sessions: sessionmaker[Session]
) -> None:
    for token in (AUTH_STRING, new_key(sessions)):
        assert answer(served, path, token) == {"type": "auth_success"}


@in_and_out
def test_a_credential_in_the_header_of_a_socket_is_accepted(
    served: Served, path: str, sessions: sessionmaker[Session]
) -> None:
    for header in (basic(), bearer(new_key(sessions))):
        assert answer(served, path, None, additional_headers=header) == {"type": "auth_success"}


@in_and_out
def test_a_client_without_an_auth_frame_needs_a_credential_in_the_header(served: Served, path: str) -> None:
    url = f"ws://{served.address}/api/events/{path}"
    with pytest.raises(InvalidStatus) as raised:
        connect(url)
    assert raised.value.response.status_code == 401
    with connect(url, additional_headers=basic()) as socket:
        assert socket.ping().wait(PATIENCE)


@in_and_out
def test_a_socket_is_closed_when_its_key_is_revoked(served: Served, path: str, sessions: sessionmaker[Session]) -> None:
    key = new_key(sessions)
    with opened(served.address, path) as socket:
        send(socket, {"type": "auth", "token": key})
        assert json.loads(socket.recv(PATIENCE)) == {"type": "auth_success"}
        if path == "out":
            send(socket, {"type": "filter", "filter": {}})

        revoke(sessions)

        assert closed(socket) == (1008, "Invalid token")


def test_a_stream_needs_a_credential(served: Served) -> None:
    assert_unauthorized(served.client.get("/events/stream"))


def test_a_stream_ends_when_its_key_is_revoked(served: Served, sessions: sessionmaker[Session]) -> None:
    served.client.headers = bearer(new_key(sessions))
    with streamed(served.client) as stream:
        served.client.headers = basic()
        served.post(a_client_event())
        assert len(stream.receive(1)) == 1

        revoke(sessions)

        assert stream.rest() == []
    wait_until(lambda: served.live._readers == 0, "the reader to be gone")
