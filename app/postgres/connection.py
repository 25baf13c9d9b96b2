"""The connections and cursors of the service: psycopg's, whose waits end when the server hangs, and made cheaper."""

import select
import time
from collections.abc import Sequence
from functools import partial
from typing import Any, Final

import psycopg
from psycopg import Column
from psycopg.abc import RV, PQGen
from psycopg.rows import Row, TupleRow

from app.postgres.liveness import NO_ANSWER, SILENCE_SECONDS, ServerHealth

TICK_SECONDS: Final = 0.1
"""How often a waiting thread checks how long its connection has been silent."""


def connect(health: ServerHealth, *args: Any, **options: Any) -> "WatchedConnection":
    """Connect with psycopg's arguments, and watch the connection. While the server hangs, only one thread tries.

    Raises:
        psycopg.OperationalError: the server is unreachable, refuses, or did not answer a moment ago.
    """
    connection = health.connect(partial(WatchedConnection.connect, *args, **options))
    connection.server_health = health
    connection.server_cursor_factory = psycopg.RawServerCursor
    return connection


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


class LazyColumns(Sequence[Column]):
    """The columns of a result. A column object is created only when it is accessed."""

    def __init__(self, cursor: psycopg.Cursor[Any], count: int) -> None:
        """Take a cursor whose current result has `count` columns."""
        self._cursor = cursor
        self._count = count

    def __len__(self) -> int:
        """Return the number of columns."""
        return self._count

    def __getitem__(self, index: Any) -> Any:
        """Return one column, or a list of columns for a slice."""
        if isinstance(index, slice):
            return list(self)[index]
        return Column(self._cursor, range(self._count)[index])


class Cursor(psycopg.RawCursor[Row]):
    """Takes statements with PostgreSQL's own placeholders (`$1`), and describes result columns only when accessed.

    Both save time compared with psycopg's default cursor:

    - It searches each statement for Python placeholders. Above 4,096 bytes it does so again for each execution.
    - It describes all columns after each statement: fifty for a deployment before and after its change. SQLAlchemy
      only asks whether there are any, and reads them once for each compiled statement.
    """

    @property
    def description(self) -> Sequence[Column] | None:  # type: ignore[override]  # psycopg promises a list of them.
        """The columns of the current result, or None if the statement returns no rows."""
        result = self.pgresult
        if result is None or not result.nfields:
            return super().description
        return LazyColumns(self, result.nfields)
