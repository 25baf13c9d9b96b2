"""Notices that PostgreSQL has stopped answering although its connections still stand.

A hung server is not an absent one. Its kernel acknowledges every packet, so TCP keepalives are content, and the time
limits of statements are kept by the very server that hangs. So whoever waits asks, after a moment of silence, whether
the server answers anybody. A statement that is merely slow, or waits for a lock, goes on waiting.
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
"""How long a connection may be silent before the server is asked."""
PROBE_SECONDS: Final = 1.5
"""How long the server may take to answer the question."""
FRESH_SECONDS: Final = 0.5
"""How long an answer is believed, so that many waiting threads ask once."""
TICK_SECONDS: Final = 0.1
"""How often a silent connection is looked at."""
SSL_REQUEST: Final = struct.pack("!ii", 8, 80877103)
"""PostgreSQL answers this with one byte before any login: also when it has no connection to give."""
NOT_ASKED: Final = {errno.EMFILE, errno.ENFILE, errno.ENOENT, errno.EADDRNOTAVAIL, errno.EAGAIN}
"""Errors that say nothing of the server: no descriptor is left, or its Unix socket has another path here."""

SILENT: Final = "The database does not answer."

Probe = Callable[[int], bool]


def answers(connected: int, timeout: float = PROBE_SECONDS) -> bool:
    """Tell whether the server at the other end of this connected socket answers a newcomer within `timeout` seconds.

    It knocks at the address that the socket is connected to, so host lists and names that moved need no second
    thought. The socket itself is not touched. When it cannot knock at all, the server has the benefit of the doubt.
    """
    deadline = time.monotonic() + timeout
    try:
        with socket.socket(fileno=os.dup(connected)) as known, socket.socket(known.family, known.type) as newcomer:
            newcomer.settimeout(timeout)
            newcomer.connect(known.getpeername())
            newcomer.sendall(SSL_REQUEST)
            newcomer.settimeout(max(deadline - time.monotonic(), 0.001))
            return newcomer.recv(1) != b""
    except OSError as error:
        return error.errno in NOT_ASKED


def has_news(connection: psycopg.Connection[Any]) -> bool:
    """Tell whether something has come on a connection that is in nobody's use: the server's farewell, or its end.

    One look at the socket, without a round trip. Nothing else comes unasked but a changed setting of the server, and
    who takes that for an end as well has one more connection to make.
    """
    if connection.closed:
        return True
    looking = select.poll()
    looking.register(connection.fileno(), select.POLLIN)
    return bool(looking.poll(0))


class Pulse:
    """What a process knows about whether its server answers. One for each engine, shared by all its threads.

    `patience` is how many seconds a single wait may last although the server answers others: more than the server's own
    limit for a statement, so it is only reached when this one backend hangs.
    """

    def __init__(self, patience: float, probe: Probe = answers) -> None:
        """Believe that the server answers until it is seen that it does not."""
        self.patience = patience
        self._probe = probe
        self._asking = threading.Lock()
        self._alive = True
        self._stale_at = 0.0

    def beats(self, connected: int) -> bool:
        """Tell whether the server behind this socket answers, asking it when nobody has asked a moment ago.

        One thread asks; the others wait for its answer and share it. It takes `PROBE_SECONDS` at most, or as long as
        another thread's try to connect.
        """
        with self._asking:
            if time.monotonic() >= self._stale_at:
                self._note(self._probe(connected))
            return self._alive

    def connect(self, *args: Any, **kwargs: Any) -> "WatchedConnection":
        """Connect with psycopg's arguments. While the server hangs, one thread tries at a time; the rest fail with it.

        Raises:
            psycopg.OperationalError: the server cannot be reached, refuses, or has just been found silent.
        """
        if self._alive:
            return self._try_to_connect(*args, **kwargs)
        with self._asking:
            if self._was_just_found_silent():
                raise psycopg.OperationalError(SILENT)
            return self._try_to_connect(*args, **kwargs)

    def _try_to_connect(self, *args: Any, **kwargs: Any) -> "WatchedConnection":
        try:
            connection = WatchedConnection.connect(*args, **kwargs)
        except ConnectionTimeout:
            # Any other failure comes at once; nobody needs to be spared it.
            self._note(alive=False)
            raise
        self._note(alive=True)
        connection.pulse = self
        return connection

    def _was_just_found_silent(self) -> bool:
        return not self._alive and time.monotonic() < self._stale_at

    def _note(self, alive: bool) -> None:
        if alive != self._alive:
            logger.warning("database_answers_again" if alive else "database_silent")
        self._alive = alive
        self._stale_at = time.monotonic() + FRESH_SECONDS


class WatchedConnection(psycopg.Connection[TupleRow]):
    """A psycopg connection whose waits end when the server hangs.

    The wait then raises `psycopg.OperationalError` and the connection is closed, so a pool takes it for lost. That is
    at most the silence, an answer still believed, the longest question (a probe or somebody's connect) and two ticks
    after the server's last byte: 3.2 seconds with a connect timeout of 2.
    """

    pulse: Pulse | None = None

    def wait(self, gen: PQGen[RV], interval: float = TICK_SECONDS, timeout: float | None = None) -> RV:
        """Wait as psycopg does, which is the one way in which it waits for an answer, and watch for silence."""
        return super().wait(gen if self.pulse is None else self._watched(gen, self.pulse), interval, timeout)

    def _watched(self, gen: PQGen[RV], pulse: Pulse) -> PQGen[RV]:
        """Pass on what the socket is ready for; nothing at all is what comes once a tick while it is silent."""
        begun, found_silent = time.monotonic(), False
        try:
            wanted = next(gen)
            while True:
                ready = yield wanted
                if ready:
                    begun, found_silent = time.monotonic(), False
                elif found_silent:
                    self._give_up()
                else:
                    found_silent = self._is_silent(time.monotonic() - begun, pulse)
                    # The answer may have come while the server was asked, so there is one more look.
                wanted = gen.send(ready)
        except StopIteration as end:
            result: RV = end.value
            return result

    def _is_silent(self, seconds: float, pulse: Pulse) -> bool:
        if seconds < SILENCE_SECONDS:
            return False
        return seconds > pulse.patience or not pulse.beats(self.pgconn.socket)

    def _give_up(self) -> None:
        # Closing does not wait: the socket is non-blocking, and what cannot be sent is thrown away.
        self.pgconn.finish()
        raise psycopg.OperationalError(SILENT)
