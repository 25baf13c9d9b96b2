"""Wake-ups arrive, and a Redis that is away or silent costs nobody anything."""

import socket
import threading
import time
from collections.abc import Iterator

import fakeredis
import pytest
import redis

from app import wakeup
from app.wakeup import CHANNEL, Notifier, Wakeups, connect, notify

SOON = 5.0
NOWHERE = "redis://127.0.0.1:1/0"


@pytest.fixture
def server() -> fakeredis.FakeServer:
    """A Redis that lives in this process."""
    return fakeredis.FakeServer()


def _connect_to(server: fakeredis.FakeServer) -> wakeup.Connect:
    return lambda _url: fakeredis.FakeRedis(server=server)


@pytest.fixture
def silent_url() -> Iterator[str]:
    """A server that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"redis://127.0.0.1:{listener.getsockname()[1]}/0"


def test_a_notice_wakes_a_reader(server: fakeredis.FakeServer) -> None:
    notifier = Notifier("", _connect_to(server))
    with Wakeups("", _connect_to(server)) as wakeups:
        later = threading.Timer(0.05, notifier.notify, [1])
        later.start()
        assert wakeups.wait(SOON)
        later.join()


def test_a_notice_before_the_wait_is_not_lost(server: fakeredis.FakeServer) -> None:
    with Wakeups("", _connect_to(server)) as wakeups:
        Notifier("", _connect_to(server)).notify(1)
        assert wakeups.wait(SOON)


def test_many_notices_wake_a_reader_once(server: fakeredis.FakeServer) -> None:
    notifier = Notifier("", _connect_to(server))
    with Wakeups("", _connect_to(server)) as wakeups:
        for position in range(10):
            notifier.notify(position)
        assert wakeups.wait(SOON)
        assert not wakeups.wait(0.01)


def test_a_wait_ends_without_a_notice(server: fakeredis.FakeServer) -> None:
    with Wakeups("", _connect_to(server)) as wakeups:
        started = time.monotonic()
        assert not wakeups.wait(0.1)
        assert time.monotonic() - started >= 0.1


def test_a_notice_carries_the_position(server: fakeredis.FakeServer) -> None:
    client = fakeredis.FakeRedis(server=server)
    subscription = client.pubsub(ignore_subscribe_messages=True)  # type: ignore[no-untyped-call]  # As in app.wakeup.
    subscription.subscribe(CHANNEL)
    subscription.get_message(timeout=0.1)
    Notifier("", _connect_to(server)).notify(42)
    message = subscription.get_message(timeout=SOON)
    assert message is not None
    assert message["data"] == b"42"


def test_a_wait_without_redis_is_plain_waiting(server: fakeredis.FakeServer) -> None:
    server.connected = False
    with Wakeups("", _connect_to(server)) as wakeups:
        started = time.monotonic()
        assert not wakeups.wait(0.1)
        assert time.monotonic() - started >= 0.1


def test_a_reader_looks_once_when_redis_is_back(server: fakeredis.FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wakeup, "QUIET_SECONDS", 0)
    notifier = Notifier("", _connect_to(server))
    with Wakeups("", _connect_to(server)) as wakeups:
        server.connected = False
        notifier.notify(1)
        assert not wakeups.wait(0.01)
        server.connected = True
        assert wakeups.wait(SOON)
        notifier.notify(2)
        assert wakeups.wait(SOON)


def test_a_reader_leaves_a_redis_that_failed_alone_for_a_while() -> None:
    attempts: list[str] = []

    def refuse(url: str) -> redis.Redis:
        attempts.append(url)
        raise redis.ConnectionError

    with Wakeups("url", refuse) as wakeups:
        wakeups.wait(0.01)
        wakeups.wait(0.01)
    assert attempts == ["url"]


def test_a_notice_to_nobody_raises_nothing() -> None:
    notify(NOWHERE, 1)


@pytest.mark.parametrize("url", ["amqp://guest@127.0.0.1//", "nonsense"])
def test_a_broker_that_is_no_redis_is_left_out(url: str) -> None:
    notify(url, 1)
    with Wakeups(url) as wakeups:
        assert not wakeups.wait(0.01)


def test_a_silent_redis_delays_a_worker_once(silent_url: str) -> None:
    notifier = Notifier(silent_url)
    started = time.monotonic()
    notifier.notify(1)
    first = time.monotonic() - started
    for position in range(100):
        notifier.notify(position)
    assert first < 2
    assert time.monotonic() - started - first < 0.1


def test_a_silent_redis_does_not_hold_a_reader_longer_than_asked(silent_url: str) -> None:
    started = time.monotonic()
    with Wakeups(silent_url) as wakeups:
        assert not wakeups.wait(0.1)
    assert time.monotonic() - started < 2


def test_a_client_does_not_try_again_by_itself() -> None:
    started = time.monotonic()
    with pytest.raises(redis.ConnectionError):
        connect(NOWHERE).ping()
    assert time.monotonic() - started < 0.5
