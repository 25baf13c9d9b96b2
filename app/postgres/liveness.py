"""Detects a PostgreSQL server that has stopped answering although its connections are still open.

TCP keepalives do not detect a hung server, because its kernel still acknowledges every packet. The time limits of
statements do not help either, because the hung server itself would have to enforce them. So after a moment of silence,
a waiting thread probes whether the server answers a new connection. A statement that is merely slow, or that waits for
a lock, continues to wait.
"""

import errno
import os
import select
import socket
import struct
import threading
import time
from collections.abc import Callable
from typing import Any, Final

import psycopg
from psycopg.abc import RV, PQGen
from psycopg.errors import ConnectionTimeout
from psycopg.rows import TupleRow

from app.telemetry import get_logger

logger = get_logger(__name__)

SILENCE_SECONDS: Final = 0.5
"""How long a connection may be silent before the server is probed."""
PROBE_SECONDS: Final = 1.5
"""How long the server may take to answer a probe."""
RESULT_VALID_SECONDS: Final = 0.5
"""How long the result of a probe is reused, so that many waiting threads need only one."""
TICK_SECONDS: Final = 0.1
"""How often a waiting thread checks how long its connection has been silent."""
SSL_REQUEST: Final = struct.pack("!ii", 8, 80877103)
"""PostgreSQL answers this request with one byte, without a login and even if it has no free connection."""
INCONCLUSIVE_ERRORS: Final = {errno.EMFILE, errno.ENFILE, errno.ENOENT, errno.EADDRNOTAVAIL, errno.EAGAIN}
"""Errors of a probe that prove nothing about the server: for example, this process has no file descriptor left, or the
Unix socket has a different path here."""

NO_ANSWER: Final = "The database does not answer."

Probe = Callable[[int], bool]


def probe_server(socket_fd: int, timeout: float = PROBE_SECONDS) -> bool:
    """Return whether the server behind a connected socket answers a new connection within `timeout` seconds.

    It connects to the peer address of the socket, so host lists and changed DNS entries do not matter. The socket
    itself is not read or written. It returns True if the probe is inconclusive (`INCONCLUSIVE_ERRORS`).
    """
    deadline = time.monotonic() + timeout
    try:
        with socket.socket(fileno=os.dup(socket_fd)) as known, socket.socket(known.family, known.type) as probe:
            probe.settimeout(timeout)
            probe.connect(known.getpeername())
            probe.sendall(SSL_REQUEST)
            probe.settimeout(max(deadline - time.monotonic(), 0.001))
            return probe.recv(1) != b""
    except OSError as error:
        return error.errno in INCONCLUSIVE_ERRORS


def has_unread_input(connection: psycopg.Connection[Any]) -> bool:
    """Return whether an idle connection was closed, or has unread input such as the server's closing message.

    It polls the socket once, without a round trip. The only other message that a server sends unasked reports a changed
    setting. The connection then counts as closed too, which only costs a new connection.
    """
    if connection.closed:
        return True
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    return bool(poll.poll(0))


class ServerHealth:
    """Knows whether the server answers. Each engine has one, shared by all threads.

    `max_wait_seconds` limits a single wait while the server answers others. It must be longer than the server's time
    limit for statements, so it is only reached when this one backend hangs.
    """

    def __init__(self, max_wait_seconds: float, probe: Probe = probe_server) -> None:
        """Assume that the server answers until a probe or a connect times out."""
        self.max_wait_seconds = max_wait_seconds
        self._probe = probe
        self._lock = threading.Lock()
        self._last_result = True
        self._valid_until = 0.0

    def is_answering(self, socket_fd: int) -> bool:
        """Return whether the server behind this socket answers; probe it if the last result is too old.

        One thread probes, and the others wait for its result. This takes at most `PROBE_SECONDS`, or as long as the
        connect of another thread.
        """
        with self._lock:
            if time.monotonic() >= self._valid_until:
                self._record(self._probe(socket_fd))
            return self._last_result

    def connect(self, *args: Any, **kwargs: Any) -> "WatchedConnection":
        """Connect with psycopg's arguments. While the server hangs, one thread tries; the others fail with it.

        Raises:
            psycopg.OperationalError: the server is unreachable, refuses, or did not answer a moment ago.
        """
        if self._last_result:
            return self._try_to_connect(*args, **kwargs)
        with self._lock:
            if self._failed_just_now():
                raise psycopg.OperationalError(NO_ANSWER)
            return self._try_to_connect(*args, **kwargs)

    def _try_to_connect(self, *args: Any, **kwargs: Any) -> "WatchedConnection":
        try:
            connection = WatchedConnection.connect(*args, **kwargs)
        except ConnectionTimeout:
            # Any other failure is immediate, so the other threads may try for themselves.
            self._record(is_answering=False)
            raise
        self._record(is_answering=True)
        connection.server_health = self
        return connection

    def _failed_just_now(self) -> bool:
        return not self._last_result and time.monotonic() < self._valid_until

    def _record(self, is_answering: bool) -> None:
        if is_answering != self._last_result:
            logger.warning("database_answers_again" if is_answering else "database_silent")
        self._last_result = is_answering
        self._valid_until = time.monotonic() + RESULT_VALID_SECONDS


class WatchedConnection(psycopg.Connection[TupleRow]):
    """A psycopg connection whose waits end when the server hangs.

    The wait then closes the connection and raises `psycopg.OperationalError`, so the pool discards the connection.
    After the server's last byte, this takes at most the sum of `SILENCE_SECONDS`, `RESULT_VALID_SECONDS`, the longer
    of `PROBE_SECONDS` and another thread's connect, and two ticks. With a connect timeout of 2 seconds: 3.2 seconds.
    """

    server_health: ServerHealth | None = None

    def wait(self, gen: PQGen[RV], interval: float = TICK_SECONDS, timeout: float | None = None) -> RV:
        """Wait for the server's answer as psycopg does, but watch for silence. psycopg uses this for all its waits."""
        watched = gen if self.server_health is None else self._watched(gen, self.server_health)
        return super().wait(watched, interval, timeout)

    def _watched(self, gen: PQGen[RV], health: ServerHealth) -> PQGen[RV]:
        """Forward the socket's readiness to `gen`. While the socket is silent, `ready` is empty once per tick."""
        silent_since, is_hung = time.monotonic(), False
        try:
            wanted = next(gen)
            while True:
                ready = yield wanted
                if ready:
                    silent_since, is_hung = time.monotonic(), False
                elif is_hung:
                    self._give_up()
                else:
                    is_hung = self._is_hung(time.monotonic() - silent_since, health)
                    # The answer may have arrived during the probe, so the socket is checked once more.
                wanted = gen.send(ready)
        except StopIteration as end:
            result: RV = end.value
            return result

    def _is_hung(self, silent_seconds: float, health: ServerHealth) -> bool:
        if silent_seconds < SILENCE_SECONDS:
            return False
        return silent_seconds > health.max_wait_seconds or not health.is_answering(self.pgconn.socket)

    def _give_up(self) -> None:
        # This does not block: the socket is non-blocking, and unsent data is discarded.
        self.pgconn.finish()
        raise psycopg.OperationalError(NO_ANSWER)
