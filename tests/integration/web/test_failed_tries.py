"""Failed tries are slowed down for their address only, over HTTP and WebSockets alike. Valid credentials come in."""

import asyncio
import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import httpx2
import pytest
from sqlalchemy.orm import Session, sessionmaker

from app.access import failed_tries
from app.access.failed_tries import FREE_TRIES
from app.models.api_key import Role
from app.settings import Settings
from tests.integration.serving import Served, serving
from tests.integration.web.guarded import AUTH_STRING, basic, bearer, expire, new_key, set_up
from tests.sockets import PATIENCE, closed, opened, send
from tests.waiting import wait_until

ELSEWHERE = {"X-Forwarded-For": "192.0.2.9"}
WRONG = basic("user:wrong")


class Pauses:
    """The pauses of failed tries, which do not end before the test lets them end."""

    def __init__(self) -> None:
        """Begin without a pause."""
        self.count = 0
        self.may_end = threading.Event()

    async def sleep(self, seconds: float) -> None:
        """Wait as long as the test wants, if there is something to wait for."""
        if seconds > 0:
            self.count += 1
            while not self.may_end.is_set():
                await asyncio.sleep(0.01)

    def wait_for(self, count: int) -> None:
        """Wait until so many pauses have begun."""
        wait_until(lambda: self.count == count, f"{count} pauses")


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> Pauses:
    pauses = Pauses()
    monkeypatch.setattr(failed_tries, "asyncio", SimpleNamespace(sleep=pauses.sleep))
    return pauses


@pytest.fixture
def served(settings: Settings, pauses: Pauses, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    """An API with an auth string, behind a proxy on loopback."""
    set_up(monkeypatch, api_auth_string=AUTH_STRING, trusted_proxies="127.0.0.1")
    with serving() as served:
        yield served
        pauses.may_end.set()


@pytest.fixture
def pool(served: Served, pauses: Pauses) -> Iterator[ThreadPoolExecutor]:
    """Threads for the requests that wait."""
    with ThreadPoolExecutor() as pool:
        yield pool
        pauses.may_end.set()


def get(served: Served, headers: dict[str, str]) -> httpx2.Response:
    return httpx2.get(f"http://{served.address}/api/version", headers=headers, timeout=PATIENCE)


def fail_often(served: Served) -> None:
    """Use up the tries that are answered at once."""
    for _ in range(FREE_TRIES):
        assert get(served, WRONG).status_code == 401


def test_a_failed_try_is_delayed_but_not_valid_keys_and_other_addresses(
    served: Served, pauses: Pauses, pool: ThreadPoolExecutor, sessions: sessionmaker[Session]
) -> None:
    key = new_key(sessions, role=Role.READ)
    fail_often(served)
    tries = [pool.submit(get, served, wrong) for wrong in (WRONG, bearer("ac_wrong"), WRONG)]
    pauses.wait_for(3)

    for headers, status in ((bearer(key), 200), (ELSEWHERE | basic(), 200), (ELSEWHERE | WRONG, 401)):
        assert get(served, headers).status_code == status
    assert get(served, {}).status_code == 401
    assert pauses.count == 3
    assert not any(answer.done() for answer in tries)

    pauses.may_end.set()
    assert [answer.result(PATIENCE).status_code for answer in tries] == [401] * 3


def test_the_auth_string_is_delayed_once_like_a_guess_and_then_accepted_at_once(
    served: Served, pauses: Pauses, pool: ThreadPoolExecutor
) -> None:
    fail_often(served)
    first = pool.submit(get, served, basic())
    pauses.wait_for(1)
    pauses.may_end.set()
    assert first.result(PATIENCE).status_code == 200

    pauses.may_end.clear()
    attack = pool.submit(get, served, WRONG)
    pauses.wait_for(2)
    for _ in range(20):
        assert get(served, basic()).status_code == 200
    assert not attack.done()


def test_a_client_that_was_accepted_before_the_failed_tries_is_not_delayed(
    served: Served, pauses: Pauses, pool: ThreadPoolExecutor
) -> None:
    assert get(served, basic()).status_code == 200
    fail_often(served)
    pool.submit(get, served, WRONG)
    pauses.wait_for(1)

    assert get(served, basic()).status_code == 200


@pytest.mark.parametrize("path", ["in", "out"])
def test_a_socket_is_delayed_like_a_request(
    path: str, served: Served, pauses: Pauses, sessions: sessionmaker[Session]
) -> None:
    key = new_key(sessions)
    for _ in range(FREE_TRIES):
        with opened(served.address, path) as socket:
            send(socket, {"type": "auth", "token": "user:wrong"})
            assert closed(socket) == (1008, "Invalid token")
    with opened(served.address, path) as waiting, opened(served.address, path) as socket:
        send(waiting, {"type": "auth", "token": "ac_wrong"})
        pauses.wait_for(1)
        send(socket, {"type": "auth", "token": key})
        assert json.loads(socket.recv(PATIENCE)) == {"type": "auth_success"}

        pauses.may_end.set()
        assert closed(waiting) == (1008, "Invalid token")


def test_requests_without_a_credential_and_expired_keys_do_not_count_as_guesses(
    served: Served, pauses: Pauses, sessions: sessionmaker[Session]
) -> None:
    key = new_key(sessions)
    expire(sessions)
    for _ in range(FREE_TRIES * 2):
        assert get(served, {}).status_code == 401
        assert get(served, bearer(key)).status_code == 401
    fail_often(served)

    assert pauses.count == 0


def test_an_address_that_only_the_client_claims_does_not_count(
    settings: Settings, pauses: Pauses, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_up(monkeypatch, api_auth_string=AUTH_STRING, trusted_proxies="192.0.2.1")
    pauses.may_end.set()
    with serving() as served:
        for number in range(FREE_TRIES + 5):
            get(served, WRONG | {"X-Forwarded-For": f"198.51.100.{number}"})

    assert pauses.count == 5
