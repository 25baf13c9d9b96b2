"""Raw sockets: the size of a request's head is bounded, and so is the time until it is complete."""

import socket
from collections.abc import Iterator
from contextlib import closing

import pytest

from app.web import http_protocol
from app.web.http_protocol import HEAD_BYTES
from tests.integration.serving import Served

PIECE = b"x" * 64 * 1024
HEALTH = b"GET /api/health HTTP/1.1\r\n"
CLOSE = b"Host: localhost\r\nConnection: close\r\n"


@pytest.fixture
def raw(served: Served) -> Iterator[socket.socket]:
    """A connection to the API."""
    host, port = served.address.split(":")
    with closing(socket.create_connection((host, int(port)), timeout=20)) as connection:
        yield connection


def answer(connection: socket.socket) -> bytes:
    """Return everything that the server sends until it closes the connection."""
    received = b""
    while True:
        try:
            data = connection.recv(65536)
        except ConnectionResetError:
            # The server closed the connection before it had read everything that was sent.
            return received
        if not data:
            return received
        received += data


def send_until_closed(connection: socket.socket, piece: bytes, most: int) -> int:
    """Send the piece again and again until the server closes the connection; return the bytes that were sent."""
    sent = 0
    while sent < most:
        try:
            connection.sendall(piece)
        except OSError:
            break
        sent += len(piece)
    return sent


@pytest.mark.parametrize("websocket", [False, True])
@pytest.mark.parametrize(
    ("start", "piece"),
    [
        (HEALTH + b"X-A: ", PIECE),
        (HEALTH, b"X-A: b\r\n" * 4096),
        (HEALTH, PIECE),
        (b"GET /api/health?", PIECE),
        (b"G", b"E" * 1024),
    ],
    ids=["a growing value", "many headers", "a growing name", "a growing url", "a growing method"],
)
def test_an_endless_head_is_refused_and_its_connection_closed(
    raw: socket.socket, start: bytes, piece: bytes, websocket: bool
) -> None:
    if websocket:
        start = start.replace(b"/api/health", b"/api/events/out")
    raw.sendall(start)
    # The system buffers what was sent before the connection was closed.
    assert send_until_closed(raw, piece, 64 * 1024 * 1024) < 64 * 1024 * 1024
    assert answer(raw).split(b" ")[1:2] in ([], [b"431"], [b"400"])


@pytest.mark.parametrize(
    "start", [b"", b"GET", b"GET /api/health HTTP/1.1\r\nX-A: ", b"GET /api/events/out HTTP/1.1\r\n"]
)
def test_an_incomplete_head_gets_408(start: bytes, served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_protocol, "HEAD_SECONDS", 0.2)
    host, port = served.address.split(":")
    with closing(socket.create_connection((host, int(port)), timeout=20)) as raw:
        raw.sendall(start)
        assert answer(raw).startswith(b"HTTP/1.1 408 ")


CHUNKED = b"POST /api/flows/filter HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    ("start", "piece"),
    [
        (b"2\r\n{}\r\n0\r\nX-A: ", PIECE),
        (b"2\r\n{}\r\n0\r\n", b"X-A: b\r\n" * 4096),
        (b"2;a=", PIECE),
        (b"0" * 16, b"0" * 65536),
    ],
    ids=["a growing trailer", "many trailers", "a growing extension", "a growing size"],
)
@pytest.mark.parametrize("is_refused_before", [False, True])
def test_an_endless_body_is_cut_off(raw: socket.socket, start: bytes, piece: bytes, is_refused_before: bool) -> None:
    raw.sendall(CHUNKED.replace(b"localhost", b"foreign.example") if is_refused_before else CHUNKED)
    raw.sendall(start)
    assert send_until_closed(raw, piece, 64 * 1024 * 1024) < 64 * 1024 * 1024


@pytest.mark.parametrize("sent", [b"", b"5", b"5\r\n{", b"2\r\n{}\r\n0\r\nX-A: "])
def test_an_incomplete_body_is_cut_off_after_a_time_limit(
    sent: bytes, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_protocol, "BODY_SECONDS", 0.2)
    host, port = served.address.split(":")
    with closing(socket.create_connection((host, int(port)), timeout=20)) as raw:
        raw.sendall(CHUNKED + sent)
        answer(raw)


@pytest.mark.parametrize("between", [b"\r\n", b"\n", b"\r"])
def test_a_connection_without_a_further_request_is_closed(
    between: bytes, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_protocol, "HEAD_SECONDS", 0.2)
    host, port = served.address.split(":")
    with closing(socket.create_connection((host, int(port)), timeout=20)) as raw:
        raw.sendall(HEALTH + b"Host: localhost\r\n\r\n")
        assert raw.recv(65536).startswith(b"HTTP/1.1 200 ")
        # Line ends before a request are ignored. The time to keep the connection alive ends with the first of them.
        raw.sendall(between)
        answer(raw)


def test_the_head_of_a_second_request_has_its_own_time_limit(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_protocol, "HEAD_SECONDS", 0.2)
    host, port = served.address.split(":")
    with closing(socket.create_connection((host, int(port)), timeout=20)) as raw:
        raw.sendall(b"GET /api/health HTTP/1.1\r\nHost: localhost\r\n\r\nGET /api/hea")
        received = answer(raw)
        assert received.startswith(b"HTTP/1.1 200 ")
        assert b"HTTP/1.1 408 " in received


@pytest.mark.parametrize("size", [1, HEAD_BYTES - 4096])
def test_a_head_below_the_limit_is_served(raw: socket.socket, size: int) -> None:
    raw.sendall(
        b"GET /api/health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nX-A: " + b"x" * size + b"\r\n\r\n"
    )
    assert answer(raw).startswith(b"HTTP/1.1 200 ")


def test_a_body_can_be_larger_than_the_limit_for_heads(raw: socket.socket) -> None:
    body = b'{"name": "etl", "labels": {"a": "' + b"x" * (3 * HEAD_BYTES) + b'"}}'
    head = b"POST /api/flows/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\ncontent-length: %d\r\n\r\n" % len(
        body
    )
    raw.sendall(head + body)
    assert answer(raw).startswith(b"HTTP/1.1 422 "), "labels are texts of at most 500 characters"


def test_a_body_in_tiny_chunks_with_a_trailer_is_served(raw: socket.socket) -> None:
    body = b'{"limit": 1' + b" " * 100_000 + b"}"
    chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in body)
    raw.sendall(CHUNKED.replace(b"Host", b"Connection: close\r\nHost") + chunks + b"0\r\nX-Checksum: 1\r\n\r\n")
    assert answer(raw).startswith(b"HTTP/1.1 200 ")


def test_a_refused_client_can_send_its_whole_body_and_then_read_the_reason(raw: socket.socket) -> None:
    head = b"POST /api/flows/ HTTP/1.1\r\nHost: foreign.example\r\ncontent-length: 4000000\r\n\r\n"
    raw.sendall(head + b"x" * 4_000_000 + HEALTH + CLOSE + b"\r\n")
    received = answer(raw)
    assert received.startswith(b"HTTP/1.1 4")
    assert b"HTTP/1.1 200 " in received


def test_the_refusal_of_a_second_head_is_not_written_into_a_stream(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_protocol, "HEAD_SECONDS", 0.2)
    host, port = served.address.split(":")
    with closing(socket.create_connection((host, int(port)), timeout=20)) as raw:
        raw.sendall(b"GET /api/events/stream HTTP/1.1\r\nHost: localhost\r\n\r\nGET /api/hea")
        received = answer(raw)
        assert received.startswith(b"HTTP/1.1 200 ")
        assert b"HTTP/1.1 408" not in received


def test_pipelined_requests_are_all_served(raw: socket.socket) -> None:
    request = b"GET /api/health HTTP/1.1\r\nHost: localhost\r\n\r\n"
    raw.sendall(request * 2000 + request.replace(b"Host", b"Connection: close\r\nHost"))
    assert answer(raw).count(b"HTTP/1.1 200 ") == 2001
