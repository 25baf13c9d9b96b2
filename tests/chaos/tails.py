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
        """Take the address of the database."""
        self.seen: list[tuple[int, str]] = []
        self._url = url
        self._leaving = threading.Event()
        self._thread = threading.Thread(target=self._work, name="chaos-reader", daemon=True)

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def finish(self) -> None:
        """Read what there still is, and end."""
        self._leaving.set()
        self._thread.join()

    def _work(self) -> None:
        done = False
        while not done:
            # Whatever ends the connection is one of the disruptions; the next one goes on from the last position.
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
            # Asked before the last look, so that nothing is missed between the look and the leaving.
            leaving = self._leaving.is_set()
            last = self.seen[-1][0] if self.seen else 0
            rows = connection.execute(PAGE, [last]).fetchall()
            self.seen += rows
            if not rows:
                if leaving:
                    return True
                self._leaving.wait(POLL_SECONDS)
