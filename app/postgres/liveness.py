"""Detects a PostgreSQL server that has stopped answering although its connections are still open.

TCP keepalives do not detect a hung server, because its kernel still acknowledges every packet. The time limits of
statements do not help either, because the hung server itself would have to enforce them. So after a moment of silence,
a waiting thread probes whether the server answers a new connection. A statement that is merely slow, or that waits for
a lock, continues to wait.
"""

import errno
import os
import socket
import struct
import threading
import time
from collections.abc import Callable
from typing import Final, TypeVar

import psycopg
from psycopg.errors import ConnectionTimeout

from app.telemetry import get_logger

logger = get_logger(__name__)
T = TypeVar("T")

SILENCE_SECONDS: Final = 0.5
"""How long a connection may be silent before the server is probed."""
PROBE_SECONDS: Final = 1.5
"""How long the server may take to answer a probe."""
RESULT_VALID_SECONDS: Final = 0.5
"""How long the result of a probe is reused, so that many waiting threads need only one."""
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

    def connect(self, open_connection: Callable[[], T]) -> T:
        """Open a connection. While the server hangs, one thread tries; the others fail with it.

        Raises:
            psycopg.OperationalError: the server is unreachable, refuses, or did not answer a moment ago.
        """
        if self._last_result:
            return self._try_to_connect(open_connection)
        with self._lock:
            if self._failed_just_now():
                raise psycopg.OperationalError(NO_ANSWER)
            return self._try_to_connect(open_connection)

    def _try_to_connect(self, open_connection: Callable[[], T]) -> T:
        try:
            connection = open_connection()
        except ConnectionTimeout:
            # Any other failure is immediate, so the other threads may try for themselves.
            self._record(is_answering=False)
            raise
        self._record(is_answering=True)
        return connection

    def _failed_just_now(self) -> bool:
        return not self._last_result and time.monotonic() < self._valid_until

    def _record(self, is_answering: bool) -> None:
        if is_answering != self._last_result:
            logger.warning("database_answers_again" if is_answering else "database_silent")
        self._last_result = is_answering
        self._valid_until = time.monotonic() + RESULT_VALID_SECONDS
