"""The load generator: one thread sends prepared requests over keep-alive connections.

It parses only the status and the length of a response. S1 measures its maximum rate with `benches/trivial_server.py`.
"""

import re
import selectors
import socket
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from benches.errors import MeasurementError

HEAD_END: Final = b"\r\n\r\n"
LENGTH: Final = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
TIMEOUT_SECONDS: Final = 60
RECEIVE_BYTES: Final = 256 * 1024


def request(method: str, path: str, body: bytes = b"", headers: bytes = b"") -> bytes:
    """Return the bytes of a request. `headers` holds complete header lines."""
    head = f"{method} {path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
    return head.encode() + headers + b"content-length: %d\r\n\r\n" % len(body) + body


@dataclass
class Load:
    """The responses to a load: latencies in seconds, status counts, and the bodies with `keep_bodies`."""

    latencies: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    bodies: list[bytes] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def throughput(self) -> float:
        """Responses per second."""
        return len(self.latencies) / self.seconds

    def require(self, *statuses: int) -> "Load":
        """Return this load if it has responses and all of them have one of these statuses.

        Raises:
            MeasurementError: there is no response, or one with another status.
        """
        if not self.latencies or set(self.statuses) - set(statuses):
            raise MeasurementError(f"Expected responses with {statuses}, got {dict(self.statuses)}.")
        return self


@dataclass(slots=True)
class _Connection:
    socket: socket.socket
    sent: float = 0.0
    received: bytes = b""


def run_load(port: int, requests: Iterator[bytes], *, clients: int, seconds: float, keep_bodies: bool = False) -> Load:
    """Send requests over `clients` connections, and wait for the last responses.

    It stops after `seconds` seconds or with the last request. Each connection has one request in flight at a time.

    Raises:
        MeasurementError: the server closes a connection, sends nothing for a minute, or omits Content-Length.
    """
    load = Load()
    connections = [_Connection(socket.create_connection(("127.0.0.1", port))) for _ in range(clients)]
    with selectors.DefaultSelector() as selector:
        try:
            for connection in connections:
                connection.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                selector.register(connection.socket, selectors.EVENT_READ, connection)
            _run(selector, connections, requests, seconds, load, keep_bodies)
        finally:
            for connection in connections:
                connection.socket.close()
    return load


def _run(
    selector: selectors.BaseSelector,
    connections: list[_Connection],
    requests: Iterator[bytes],
    seconds: float,
    load: Load,
    keep_bodies: bool,
) -> None:
    clock = time.perf_counter
    start = clock()
    end = start + seconds
    in_flight = sum(_send(connection, requests, clock()) for connection in connections)
    while in_flight:
        ready = selector.select(TIMEOUT_SECONDS)
        if not ready:
            raise MeasurementError(f"The server has sent no response for {TIMEOUT_SECONDS} seconds.")
        for key, _ in ready:
            connection: _Connection = key.data
            body_at = _receive(connection)
            if body_at is None:
                continue
            now = clock()
            load.latencies.append(now - connection.sent)
            load.statuses[int(connection.received[9:12])] += 1
            if keep_bodies:
                load.bodies.append(connection.received[body_at:])
            if now >= end or not _send(connection, requests, now):
                in_flight -= 1
    load.seconds = clock() - start


def _send(connection: _Connection, requests: Iterator[bytes], now: float) -> bool:
    """Send the next request; return False if there is none."""
    next_request = next(requests, None)
    if next_request is None:
        return False
    connection.received = b""
    connection.sent = now
    connection.socket.sendall(next_request)
    return True


def _receive(connection: _Connection) -> int | None:
    """Read from the socket; return the offset of the body once the response is complete, else None."""
    received = connection.socket.recv(RECEIVE_BYTES)
    if not received:
        raise MeasurementError("The server closed the connection.")
    connection.received += received
    head_end = connection.received.find(HEAD_END)
    if head_end < 0:
        return None
    length = LENGTH.search(connection.received, 0, head_end)
    if length is None and connection.received[9:12] != b"204":
        raise MeasurementError("The response has no Content-Length.")
    body_at = head_end + len(HEAD_END)
    return body_at if len(connection.received) >= body_at + (int(length[1]) if length else 0) else None
