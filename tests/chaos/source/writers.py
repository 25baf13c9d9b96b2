"""Threads that change the tables of the Prefect server as fast as the plan says, whatever is killed meanwhile."""

import threading
import time
from random import Random
from typing import Any, Final

import psycopg

from tests.chaos.source.transactions import WEIGHTS

ROLLED_BACK: Final = 0.05
"""How many transactions are rolled back at their end: their changes must not become events."""


class Writer(threading.Thread):
    """One connection that makes transactions until it is told to stop."""

    def __init__(self, name: str, address: str, seed: str, pause: float, stopping: threading.Event) -> None:
        """Take the address of the database, and the mean pause between two transactions in seconds."""
        super().__init__(name=f"chaos-writer-{name}", daemon=True)
        self.changes = 0
        """How many changes it knows to be committed. More may be: the answer to a commit can get lost."""
        self.failures = 0
        self.errors: list[Exception] = []
        self._writer = name
        self._address = address
        self._rng = Random(seed)
        self._pause = pause
        self._stopping = stopping
        self._number = 0

    def run(self) -> None:
        """Work, and connect again whenever the connection breaks."""
        while not self._stopping.is_set():
            try:
                with psycopg.connect(
                    self._address, connect_timeout=2, options="-c deadlock_timeout=100ms"
                ) as connection:
                    self._work(connection)
            except (psycopg.OperationalError, psycopg.InterfaceError):
                self.failures += 1
                self._stopping.wait(0.1)
            except Exception as error:  # noqa: BLE001  # A bug of the driver is a finding of the run.
                self.errors.append(error)
                return

    def _work(self, connection: psycopg.Connection[Any]) -> None:
        connection.execute("SET statement_timeout = '20s'")
        connection.commit()
        while not self._stopping.is_set():
            try:
                noted = self._change(connection)
            except (psycopg.errors.DeadlockDetected, psycopg.errors.UniqueViolation):
                connection.rollback()
                continue
            if self._rng.random() < ROLLED_BACK:
                connection.rollback()
            else:
                connection.commit()
                self.changes += noted
            time.sleep(self._rng.uniform(0, 2 * self._pause))

    def _change(self, connection: psycopg.Connection[Any]) -> int:
        # The number makes the mark the only one of its kind; a limit takes it as its value.
        self._number += 1
        mark = f"{self._writer}-{int(self._writer[1:]) * 1_000_000 + self._number}"
        (transaction,) = self._rng.choices(list(WEIGHTS), list(WEIGHTS.values()))
        return transaction(connection, mark, self._rng)
