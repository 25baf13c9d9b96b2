"""The load generator of the benchmark, against a server whose responses the test chooses."""

import itertools
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from benches.errors import MeasurementError
from benches.load import request, run_load
from benches.readers import frame, next_frame

CREATED = b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\n{}"


@contextmanager
def answering(*answers: bytes) -> Iterator[tuple[int, list[bytes]]]:
    """Serve connections; each request gets the next answer, and an empty answer closes the connection."""
    received_requests: list[bytes] = []
    script = iter(answers)
    listener = socket.create_server(("127.0.0.1", 0))

    def serve(connection: socket.socket) -> None:
        with connection:
            while received := connection.recv(65536):
                received_requests.append(received)
                answer = next(script, b"")
                if not answer:
                    return
                # In two pieces, as a network may deliver it.
                connection.sendall(answer[:25])
                connection.sendall(answer[25:])

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=[connection], daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield listener.getsockname()[1], received_requests
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def test_each_request_is_sent_once_and_each_response_is_counted() -> None:
    sent = [request("POST", "/", b"%d" % number) for number in range(5)]
    with answering(*[CREATED] * 5) as (port, received_requests):
        load = run_load(port, iter(sent), clients=2, seconds=10, keep_bodies=True)
    assert sorted(received_requests) == sorted(sent)
    assert load.statuses == {201: 5}
    assert load.bodies == [b"{}"] * 5
    assert len(load.latencies) == 5
    assert load.throughput == 5 / load.seconds


def test_nothing_is_sent_after_the_end_of_the_measurement() -> None:
    with answering(*[CREATED] * 5) as (port, received_requests):
        load = run_load(port, itertools.repeat(request("GET", "/")), clients=1, seconds=0)
    assert len(received_requests) == len(load.latencies) == 1


def test_a_response_without_content_needs_no_length() -> None:
    with answering(b"HTTP/1.1 204 No Content\r\ndate: today\r\n\r\n") as (port, _):
        load = run_load(port, iter([request("DELETE", "/")]), clients=1, seconds=1)
    assert load.require(204) is load


Case = tuple[bytes, str]
UNREADABLE: list[Case] = [
    (b"", "closed the connection"),
    (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", "no Content-Length"),
]


@pytest.mark.parametrize(("answer", "text"), UNREADABLE)
def test_an_unreadable_response_ends_the_measurement(answer: bytes, text: str) -> None:
    with answering(answer) as (port, _), pytest.raises(MeasurementError, match=text):
        run_load(port, iter([request("GET", "/")]), clients=1, seconds=1)


def test_an_unexpected_status_ends_the_measurement() -> None:
    with answering(CREATED, CREATED.replace(b"201", b"503")) as (port, _):
        load = run_load(port, iter([request("GET", "/")] * 2), clients=1, seconds=5)
    check: Callable[..., object] = load.require
    with pytest.raises(MeasurementError, match="503"):
        check(201)


@pytest.mark.parametrize("length", [5, 125, 126, 70_000])
def test_frames_are_split_only_when_they_are_complete(length: int) -> None:
    payload = b"x" * length
    if length < 126:
        head = bytes([0x81, length])
    elif length < 65536:
        head = bytes([0x81, 126]) + length.to_bytes(2, "big")
    else:
        head = bytes([0x81, 127]) + length.to_bytes(8, "big")
    received = head + payload
    assert next_frame(received + b"rest") == (payload, b"rest")
    assert all(next_frame(received[:cut]) is None for cut in (0, 1, 3, len(received) - 1))


def test_a_frame_of_a_client_is_marked_as_masked() -> None:
    short, long = frame({"a": 1}), frame({"a": "x" * 200})
    assert short == b"\x81\x88\x00\x00\x00\x00" + b'{"a": 1}'
    assert long[1] == 0x80 | 126
    assert len(long) == 2 + 2 + 4 + int.from_bytes(long[2:4], "big")
