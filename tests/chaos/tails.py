"""Reads the log by position while it is being written, as any reader may, and keeps the events."""

import contextlib
import threading

import psycopg

PAGE = "SELECT position, id::text FROM event WHERE position > %s ORDER BY position LIMIT 1000"
POLL_SECONDS = 0.02
RECONNECT_SECONDS = 0.2


class Tail:
    """A reader that stores nothing but its last position, over any number of lost connections."""

    def __init__(self, url: str) -> None:
        """Store the database URL."""
        self.seen: list[tuple[int, str]] = []
        self._url = url
        self._leaving = threading.Event()
        self._thread = threading.Thread(target=self._work, name="chaos-reader", daemon=True)

    def start(self) -> None:
        """Start reading."""
        self._thread.start()

    def finish(self) -> None:
        """Read the remaining events, then stop."""
        self._leaving.set()
        self._thread.join()

    def _work(self) -> None:
        done = False
        while not done:
            # Disruptions may end the connection; the next connection continues from the last position.
            with (
                contextlib.suppress(psycopg.OperationalError, psycopg.InterfaceError),
                psycopg.connect(
                    self._url, connect_timeout=3, autocommit=True, application_name="chaos-reader"
                ) as connection,
            ):
                done = self._read(connection)
            if not done:
                self._leaving.wait(RECONNECT_SECONDS)

    def _read(self, connection: "psycopg.Connection[tuple[int, str]]") -> bool:
        while True:
            # Read the flag before the query, so that no event is missed between the last query and the exit.
            leaving = self._leaving.is_set()
            last = self.seen[-1][0] if self.seen else 0
            rows = connection.execute(PAGE, [last]).fetchall()
            self.seen += rows
            if not rows:
                if leaving:
                    return True
                self._leaving.wait(POLL_SECONDS)
