"""The load generator: keep-alive connections that send prepared requests, one after the other, from one thread.

It parses as little as it can (the status, the length) and keeps what it has to. `benches/trivial_server.py` proves its
ceiling in each run.
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
PATIENCE_SECONDS: Final = 60
RECEIVE_BYTES: Final = 256 * 1024


def request(method: str, path: str, body: bytes = b"", headers: bytes = b"") -> bytes:
    """Return the bytes of a request; `headers` are complete lines."""
    head = f"{method} {path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
    return head.encode() + headers + b"content-length: %d\r\n\r\n" % len(body) + body


@dataclass
class Load:
    """What came of it: the seconds that each answer took, their statuses, and the bodies when they were wanted."""

    latencies: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    bodies: list[bytes] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def throughput(self) -> float:
        """Answers in a second."""
        return len(self.latencies) / self.seconds

    def require(self, *statuses: int) -> "Load":
        """Return itself when there are answers and all have one of these statuses.

        Raises:
            MeasurementError: what was measured is not what was to be measured.
        """
        if not self.latencies or set(self.statuses) - set(statuses):
            raise MeasurementError(f"Expected answers with {statuses}, got {dict(self.statuses)}.")
        return self


@dataclass(slots=True)
class _Connection:
    socket: socket.socket
    sent: float = 0.0
    received: bytes = b""


def run_load(port: int, requests: Iterator[bytes], *, clients: int, seconds: float, keep_bodies: bool = False) -> Load:
    """Send requests over so many connections until the time is over or none is left, and wait for the last answers.

    Each connection has one request under way at a time.

    Raises:
        MeasurementError: the server closed a connection, answered nothing for a minute, or what cannot be read.
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
    under_way = sum(_send(connection, requests, clock()) for connection in connections)
    while under_way:
        ready = selector.select(PATIENCE_SECONDS)
        if not ready:
            raise MeasurementError(f"The server has answered nothing for {PATIENCE_SECONDS} seconds.")
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
                under_way -= 1
    load.seconds = clock() - start


def _send(connection: _Connection, requests: Iterator[bytes], now: float) -> bool:
    """Send the next request, or tell that there is none."""
    following = next(requests, None)
    if following is None:
        return False
    connection.received = b""
    connection.sent = now
    connection.socket.sendall(following)
    return True


def _receive(connection: _Connection) -> int | None:
    """Read what has come; return where the body begins once the answer is complete."""
    received = connection.socket.recv(RECEIVE_BYTES)
    if not received:
        raise MeasurementError("The server closed the connection.")
    connection.received += received
    head_end = connection.received.find(HEAD_END)
    if head_end < 0:
        return None
    found = LENGTH.search(connection.received, 0, head_end)
    if found is None and connection.received[9:12] != b"204":
        raise MeasurementError("The server does not say how long its answer is.")
    body_at = head_end + len(HEAD_END)
    return body_at if len(connection.received) >= body_at + (int(found[1]) if found else 0) else None
