"""An expired key is refused, without a restart and on open connections; only its holder learns that it has expired."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy.orm import Session, sessionmaker
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from app.access import credentials, key_ring
from app.access.credentials import EXPIRED
from app.settings import Settings
from tests.integration.client_event import a_client_event
from tests.integration.serving import Served, serving
from tests.integration.web.guarded import api, assert_unauthorized, basic, bearer, expire, new_key, set_up
from tests.sockets import PATIENCE, closed, opened, send
from tests.streams import streamed
from tests.waiting import wait_until


@pytest.fixture(autouse=True)
def _keys_are_read_often(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_ring, "FRESH_SECONDS", 0.0)
    monkeypatch.setattr(credentials, "RECHECK_SECONDS", 0.05)


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    """An API with an auth string."""
    set_up(monkeypatch, api_auth_string="user:hunter2")
    with serving() as served:
        yield served


def test_a_key_is_accepted_until_it_expires_and_then_refused_with_the_reason(
    sessions: sessionmaker[Session],
) -> None:
    key = new_key(sessions, expires=datetime.now(UTC) + timedelta(days=30))
    with api() as client:
        assert client.get("/version", headers=bearer(key)).status_code == 200

        expire(sessions)

        for headers in (bearer(key), basic(key), basic(f"anybody:{key}")):
            assert_unauthorized(client.get("/version", headers=headers), EXPIRED)
        for guess in (key[:-1], key + "x", key[:7], ""):
            assert_unauthorized(client.get("/version", headers=bearer(guess)))


def test_a_key_expires_without_another_read_of_the_database(
    sessions: sessionmaker[Session], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key_ring, "FRESH_SECONDS", 3600.0)
    key = new_key(sessions, expires=datetime.now(UTC) + timedelta(seconds=2))
    with api() as client:
        assert client.get("/version", headers=bearer(key)).status_code == 200
        wait_until(lambda: client.get("/version", headers=bearer(key)).status_code == 401, "the key to expire")


def test_the_expiry_of_the_last_key_does_not_turn_authentication_off(sessions: sessionmaker[Session]) -> None:
    new_key(sessions)
    expire(sessions)
    with api() as client:
        assert_unauthorized(client.get("/version"))


def test_a_valid_secret_besides_an_expired_one_is_accepted(served: Served, sessions: sessionmaker[Session]) -> None:
    expired, valid = new_key(sessions), new_key(sessions, "another")
    expire(sessions)
    with opened(served.address, "out", additional_headers=bearer(expired)) as socket:
        send(socket, {"type": "auth", "token": valid})
        assert json.loads(socket.recv(PATIENCE)) == {"type": "auth_success"}


@pytest.mark.parametrize("path", ["in", "out"])
def test_a_socket_is_closed_with_the_reason_when_its_key_expires(
    path: str, served: Served, sessions: sessionmaker[Session]
) -> None:
    key = new_key(sessions)
    with opened(served.address, path) as socket:
        send(socket, {"type": "auth", "token": key})
        assert json.loads(socket.recv(PATIENCE)) == {"type": "auth_success"}
        if path == "out":
            send(socket, {"type": "filter", "filter": {}})

        expire(sessions)

        assert closed(socket) == (1008, EXPIRED)


def test_a_socket_does_not_open_with_an_expired_key(served: Served, sessions: sessionmaker[Session]) -> None:
    key = new_key(sessions)
    expire(sessions)

    with opened(served.address, "out") as socket:
        send(socket, {"type": "auth", "token": key})
        assert closed(socket) == (1008, EXPIRED)
    with pytest.raises(InvalidStatus) as raised:
        connect(f"ws://{served.address}/api/events/out", additional_headers=bearer(key))
    assert json.loads(raised.value.response.body) == {"exception_message": EXPIRED}


def test_a_stream_ends_when_its_key_expires(served: Served, sessions: sessionmaker[Session]) -> None:
    served.client.headers = bearer(new_key(sessions))
    with streamed(served.client) as stream:
        served.client.headers = basic()
        served.post(a_client_event())
        assert len(stream.receive(1)) == 1

        expire(sessions)

        assert stream.rest() == []
