"""A client that does not read is disconnected with the reason, without an effect on others."""

import socket
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from structlog.testing import capture_logs

from app.web import connections, handshake
from tests.integration.client_event import a_client_event
from tests.integration.serving import Served
from tests.sockets import closed, numbers, receive, subscribed
from tests.streams import streamed
from tests.waiting import wait_until

EVENT_COUNT = 200
TOTAL_BYTES = 100_000
"""Together more than all buffers between the server and a reader hold."""


def large_events(count: int = EVENT_COUNT, size: int = TOTAL_BYTES) -> list[dict[str, Any]]:
    return [a_client_event(payload={"number": number, "ballast": "x" * size}) for number in range(1, count + 1)]


def post(served: Served, events: list[dict[str, Any]]) -> None:
    for start in range(0, len(events), 30):
        served.post(*events[start : start + 30])


def test_a_websocket_that_does_not_read_is_disconnected_with_the_reason(served: Served) -> None:
    served.set(live_send_timeout=0.5)
    with (
        subscribed(served.address, max_queue=1) as idle,
        subscribed(served.address) as busy,
        ThreadPoolExecutor(1) as one,
    ):
        reading = one.submit(receive, busy, EVENT_COUNT)
        post(served, large_events())
        assert numbers(reading.result()) == list(range(1, EVENT_COUNT + 1))
        wait_until(lambda: served.live._readers == 1, "the idle one to lose its place")
        code, reason = closed(idle)
    assert (code, reason) == (1008, "Too slow: Nothing was read for 0.5 s.")


def test_a_websocket_that_reads_late_gets_all_events(served: Served) -> None:
    many = 1000
    with (
        subscribed(served.address, max_queue=1) as late,
        subscribed(served.address) as busy,
        ThreadPoolExecutor(1) as one,
    ):
        reading = one.submit(receive, busy, many)
        post(served, large_events(many, EVENT_COUNT * TOTAL_BYTES // many))
        assert numbers(reading.result()) == list(range(1, many + 1))
        assert numbers(receive(late, many)) == list(range(1, many + 1))


def test_the_connection_of_a_websocket_that_never_reads_is_aborted(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    served.set(live_send_timeout=0.1)
    monkeypatch.setattr(handshake, "CLOSING_SECONDS", 0.1)
    monkeypatch.setattr(connections, "LINGER_SECONDS", 0.1)
    with subscribed(served.address, max_queue=1, close_timeout=1):
        post(served, large_events())
        served.client.close()
        wait_until(lambda: served.connections == 0, "the server to let go of the connection")


def raw_stream(served: Served) -> socket.socket:
    """Open a stream with a small buffer, and do not read from it."""
    host, _, port = served.address.partition(":")
    raw = socket.socket()
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    raw.connect((host, int(port)))
    raw.sendall(f"GET /api/events/stream?after=0 HTTP/1.1\r\nHost: {served.address}\r\n\r\n".encode())
    return raw


def test_a_stream_that_is_not_read_is_disconnected(served: Served) -> None:
    served.set(live_send_timeout=0.2)
    with capture_logs() as log_lines, raw_stream(served), streamed(served.client) as busy, ThreadPoolExecutor(1) as one:
        reading = one.submit(busy.receive, EVENT_COUNT)
        post(served, large_events())
        assert numbers(reading.result()) == list(range(1, EVENT_COUNT + 1))
        wait_until(lambda: served.live._readers == 1, "the idle one to lose its place")
    assert "reader_disconnected" in [line["event"] for line in log_lines]


@pytest.mark.parametrize("how", ["websocket", "stream"])
def test_the_server_stops_without_waiting_for_a_reader_that_does_not_read(served: Served, how: str) -> None:
    served.set(live_send_timeout=60)
    post(served, large_events())
    if how == "stream":
        with raw_stream(served):
            wait_until(lambda: served.live._readers == 1, "the reader")
            _stop(served)
        return
    with subscribed(served.address, frame={"after": 0}, max_queue=1, close_timeout=1):
        wait_until(lambda: served.live._readers == 1, "the reader")
        _stop(served)


def _stop(served: Served) -> None:
    served.client.close()
    served.live.stop()
    served.server.should_exit = True
    wait_until(lambda: served.connections == 0, "all connections to be gone")
    wait_until(lambda: not served.server.server_state.tasks, "all tasks to be done")


def test_open_readers_are_disconnected_when_the_server_stops(served: Served) -> None:
    with subscribed(served.address) as websocket, streamed(served.client) as stream:
        wait_until(lambda: served.live._readers == 2, "both readers")
        served.live.stop()
        assert closed(websocket) == (1012, "The server is stopping: connect again.")
        assert stream.rest() == []
