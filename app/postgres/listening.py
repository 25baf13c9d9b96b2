"""Waits for PostgreSQL's notifications (LISTEN/NOTIFY).

A notification is only a hint to check sooner. Behind a pooler in transaction mode nothing listens, and no notification
arrives while the database does not answer. So the caller must also check from time to time.
"""

import math
import time
from types import TracebackType
from typing import Any, Final, Self, cast

import psycopg
from psycopg.sql import SQL, Identifier
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from app.postgres.connection import WatchedConnection
from app.postgres.engine import is_behind_pooler
from app.telemetry import get_logger

logger = get_logger(__name__)

RETRY_SECONDS: Final = 2.0
"""How long to wait after a failure before connecting again."""


class Listener:
    """Listens on one channel, on a connection that it takes from the engine's pool. Use it in one thread.

    It never raises because of the database: without a connection, `wait` just sleeps.
    """

    def __init__(self, engine: Engine, channel: str) -> None:
        """Store the engine and the channel. It connects on entry."""
        self._engine = engine
        self._channel = channel
        self._connection: psycopg.Connection[Any] | None = None
        # A pooler would leave the LISTEN in a session that other clients use.
        self._retry_at = math.inf if is_behind_pooler(engine) else 0.0

    def __enter__(self) -> Self:
        """Listen, if the database answers."""
        if time.monotonic() >= self._retry_at:
            self._listen()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connection."""
        self._close()

    def wait(self, timeout: float) -> bool:
        """Wait for a notification, for at most `timeout` seconds.

        Returns:
            True after a notification, and after a new connection, because a notification may have been missed before
            it. False after the timeout.
        """
        deadline = time.monotonic() + timeout
        if self._connection is None and time.monotonic() >= self._retry_at and self._listen():
            return True
        try:
            if self._connection is not None:
                # One check is enough for many notifications, so all that have arrived are consumed.
                return bool(sum(1 for _ in self._connection.notifies(timeout=timeout, stop_after=1)))
        except psycopg.Error as error:
            self._give_up(error)
        time.sleep(max(deadline - time.monotonic(), 0))
        return False

    def _listen(self) -> bool:
        try:
            pooled = self._engine.raw_connection()
            self._connection = connection = cast("WatchedConnection", pooled.driver_connection)
            pooled.detach()
            # Silence is normal on this connection, so it must not trigger probes of the server.
            connection.server_health = None
            connection.autocommit = True
            connection.execute(SQL("LISTEN {}").format(Identifier(self._channel)))
        except (psycopg.Error, SQLAlchemyError) as error:
            self._give_up(error)
            return False
        return True

    def _give_up(self, error: Exception) -> None:
        logger.debug("not_listening", reason=type(error).__name__)
        self._retry_at = time.monotonic() + RETRY_SECONDS
        self._close()

    def _close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
