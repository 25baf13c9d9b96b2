"""When a server that does not answer counts as hung, and which thread probes it."""

import socket
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import psycopg
import pytest
from psycopg.errors import ConnectionTimeout

from app.postgres import liveness
from app.postgres.liveness import RESULT_VALID_SECONDS, ServerHealth, probe_server


class Clock:
    """A clock that only moves when the test changes `now`."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Replace the clock of the module `liveness`."""
    clock = Clock()
    monkeypatch.setattr(liveness, "time", clock)
    return clock


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """A socket that listens and, like a hung server, never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


class Probe:
    """Returns `alive` and counts its calls."""

    def __init__(self, *, alive: bool) -> None:
        self.alive = alive
        self.asked = 0

    def __call__(self, connected: int) -> bool:
        self.asked += 1
        return self.alive


def test_a_result_of_the_probe_is_reused_only_for_a_moment(clock: Clock) -> None:
    probe = Probe(alive=False)
    health = ServerHealth(max_wait_seconds=35, probe=probe)
    assert [health.is_answering(0), health.is_answering(0)] == [False, False]
    assert probe.asked == 1
    clock.now += RESULT_VALID_SECONDS
    probe.alive = True
    assert health.is_answering(0)
    assert probe.asked == 2


def test_threads_that_wait_together_share_one_probe(clock: Clock) -> None:
    everybody = threading.Barrier(8)
    asked = []

    def probe(connected: int) -> bool:
        asked.append(connected)
        return False

    health = ServerHealth(max_wait_seconds=35, probe=probe)

    def ask() -> None:
        everybody.wait()
        assert not health.is_answering(0)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(asked) == 1


def test_a_server_that_accepts_but_sends_nothing_does_not_answer(listener: socket.socket) -> None:
    with socket.create_connection(listener.getsockname()) as connected:
        assert not probe_server(connected.fileno(), timeout=0.05)


def test_a_server_that_refuses_connections_does_not_answer(listener: socket.socket) -> None:
    with socket.create_connection(listener.getsockname()) as connected:
        listener.close()
        assert not probe_server(connected.fileno())


def test_a_server_that_sends_a_byte_answers(listener: socket.socket) -> None:
    def refuse() -> None:
        known, _ = listener.accept()
        newcomer, _ = listener.accept()
        newcomer.sendall(b"E")
        newcomer.close()
        known.close()

    server = threading.Thread(target=refuse)
    server.start()
    with socket.create_connection(listener.getsockname()) as connected:
        assert probe_server(connected.fileno())
    server.join()


def test_after_a_connection_timeout_the_next_connections_fail_at_once_for_a_moment(clock: Clock) -> None:
    tries = []

    def time_out(name: str) -> None:
        tries.append(name)
        raise ConnectionTimeout("connection timeout expired")

    health = ServerHealth(max_wait_seconds=35, probe=Probe(alive=False))
    with pytest.raises(ConnectionTimeout):
        health.connect(partial(time_out, "first"))
    with pytest.raises(psycopg.OperationalError, match="does not answer"):
        health.connect(partial(time_out, "spared"))
    clock.now += RESULT_VALID_SECONDS
    with pytest.raises(ConnectionTimeout):
        health.connect(partial(time_out, "later"))
    assert tries == ["first", "later"]


def test_after_a_refusal_the_next_connection_is_tried_at_once(clock: Clock) -> None:
    def refuse() -> None:
        raise psycopg.OperationalError("too many clients already")

    health = ServerHealth(max_wait_seconds=35, probe=Probe(alive=False))
    for _ in range(2):
        with pytest.raises(psycopg.OperationalError, match="too many"):
            health.connect(refuse)


def test_a_server_that_cannot_be_probed_counts_as_answering(tmp_path: Path) -> None:
    """The server's socket may have another path where it runs, so a missing path proves nothing."""
    path = tmp_path / "socket"
    with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as client:
        server.bind(str(path))
        server.listen()
        client.connect(str(path))
        path.unlink()
        assert probe_server(client.fileno())
