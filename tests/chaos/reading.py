"""Reads the final state of a run from the database.

It uses its own SQL instead of the product's models and audit, so that an error in those cannot hide itself.
"""

from collections.abc import Sequence
from typing import Any, LiteralString
from uuid import UUID

import psycopg
from psycopg.rows import dict_row

from tests.chaos.facts import TRACKED, EventFact, History, PendingFact, RowFact
from tests.chaos.ledger import Operation

EVENTS = """
    SELECT position, id::text, event, resource_id, revision, follows::text, occurred, payload, related,
        resource ->> 'aftercommit.actor' AS actor, resource ->> 'aftercommit.request' AS request
    FROM event ORDER BY position
"""
ROWS = {
    kind: "SELECT id::text, revision, event_id::text, {} FROM {}".format(
        ", ".join(f'"{name}"' for name in names), kind.replace("-", "_")
    )
    for kind, names in TRACKED.items()
}
TOMBSTONES = "SELECT id::text, revision FROM tombstone"
PENDING = """
    SELECT resource_id::text AS subject, revision, attempts, parked IS NOT NULL AS parked, error
    FROM snapshot ORDER BY sequence
"""
HEAD = "SELECT position, rescued FROM event_log"
SLOWEST = "SELECT coalesce(extract(epoch FROM max(received - occurred)), 0)::float AS seconds FROM event"
UNIQUE = "SELECT indexrelid::regclass::text AS name FROM pg_index WHERE indrelid = 'event'::regclass AND indisunique"
READY = """
    SELECT (SELECT count(*) FROM work_pool WHERE status = 'READY')
        + (SELECT count(*) FROM work_queue WHERE status = 'READY')
        + (SELECT count(*) FROM deployment WHERE status = 'READY') AS n
"""
CONNECTIONS_OF_APIS = """
    SELECT count(*) AS n FROM pg_stat_activity
    WHERE datname = current_database() AND application_name LIKE 'aftercommit-api%'
"""


class Reading:
    """One consistent read of the database, after all writing has ended."""

    def __init__(self, url: str) -> None:
        """Read the final state in one transaction."""
        with psycopg.connect(url, row_factory=dict_row) as connection:
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            connection.read_only = True
            self._events = connection.execute(EVENTS).fetchall()
            self._rows = [
                _row(row, TRACKED[kind]) for kind, rows in ROWS.items() for row in connection.execute(rows).fetchall()
            ]
            self._tombstones = connection.execute(TOMBSTONES).fetchall()
            self._pending = connection.execute(PENDING).fetchall()
            heads = connection.execute(HEAD).fetchall()
            (slowest,) = connection.execute(SLOWEST).fetchall()
            self.unique_indexes = [row["name"] for row in connection.execute(UNIQUE).fetchall()]
        self._head = heads[0]["position"] if len(heads) == 1 else -1
        self.rescued: int = heads[0]["rescued"] if heads else 0
        self.longest_to_readable: float = slowest["seconds"]
        """The longest time from a change to its event, in seconds."""

    def history(self, operations: Sequence[Operation], tails: Sequence[Sequence[tuple[int, str]]]) -> History:
        """Return the history of the run."""
        return History(
            events=[EventFact(**row) for row in self._events],
            rows={row.id: row for row in self._rows},
            tombstones={row["id"]: row["revision"] for row in self._tombstones},
            pending=[PendingFact(**row) for row in self._pending],
            head=self._head,
            operations=operations,
            tails=tails,
        )


def pending(url: str) -> list[PendingFact]:
    """Return the snapshots in the outbox."""
    with psycopg.connect(url, row_factory=dict_row, autocommit=True) as connection:
        return [PendingFact(**row) for row in connection.execute(PENDING).fetchall()]


def writers(url: str) -> int:
    """Return how many database connections the APIs have, including dying ones."""
    return _count(url, CONNECTIONS_OF_APIS)


def ready(url: str) -> int:
    """Return how many pools, queues and deployments are READY, a status that expires."""
    return _count(url, READY)


def _count(url: str, statement: LiteralString) -> int:
    with psycopg.connect(url, row_factory=dict_row, autocommit=True) as connection:
        (row,) = connection.execute(statement).fetchall()
        found: int = row["n"]
        return found


def _row(row: dict[str, Any], tracked: Sequence[str]) -> RowFact:
    state = {name: str(row[name]) if isinstance(row[name], UUID) else row[name] for name in tracked}
    return RowFact(row["id"], row["revision"], row["event_id"], state)
