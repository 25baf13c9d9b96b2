"""Reads the model and the tables of the source, and the events in our log, all with plain SQL."""

import tomllib
from collections import defaultdict
from typing import Any, Final

import psycopg
from psycopg.rows import TupleRow

from app.sources.profile_file import read_profile_text
from tests.chaos.source.fleet import NAME
from tests.chaos.source.judge import Committed, EventLine, Key, parse

MODEL: Final = """
SELECT kind, key, mark, operation, own, schedules FROM model.change ORDER BY kind, key, number
"""
EVENTS: Final = """
SELECT position, event, resource_id, payload FROM event
WHERE resource_id LIKE %s AND revision IS NOT NULL ORDER BY position
"""


def read_model(address: str) -> dict[Key, list[Committed]]:
    """Return what the writers have committed, in order."""
    found: defaultdict[Key, list[Committed]] = defaultdict(list)
    with psycopg.connect(address) as connection:
        for kind, key, *change in connection.execute(MODEL):
            found[kind, key].append(Committed(*change))
    return dict(found)


def read_events(address: str) -> list[EventLine]:
    """Return the events of the source, in their order."""
    with psycopg.connect(address) as connection:
        return [parse(*row) for row in connection.execute(EVENTS, [f"aftercommit.{NAME}.%"])]


def read_states(address: str) -> dict[Key, dict[str, Any]]:
    """Return the fields of each resource, from its rows. The profile only says where they are."""
    profile = tomllib.loads(read_profile_text("prefect"))
    found: dict[Key, dict[str, Any]] = {}
    with psycopg.connect(address) as connection:
        for kind, declared in profile["kinds"].items():
            for row in _rows(connection, declared["table"]):
                fields = {name: row.get(name) for name in declared["fields"]}
                fields |= {name: [] for name in declared.get("children", {})}
                found[kind, row["id"]] = fields
            for name, child in declared.get("children", {}).items():
                for row in _rows(connection, child["table"]):
                    found[kind, row[child["parent"]]][name].append({field: row.get(field) for field in child["fields"]})
    return found


def count_waiting(address: str) -> int:
    """Return how many row changes wait in the database of the source."""
    return _count(address, "SELECT count(*) FROM aftercommit.row_change")


def count_changes(address: str) -> int:
    """Return how many changes the writers have committed."""
    return _count(address, "SELECT count(*) FROM model.change")


def count_held(address: str) -> int:
    """Return how many changes our workers hold."""
    return _count(address, "SELECT count(*) FROM held_change")


def read_error(address: str) -> str | None:
    """Return why the changes of the source could not be moved, if they could not at the last try."""
    with psycopg.connect(address) as connection:
        row = connection.execute("SELECT error FROM source").fetchone()
    return None if row is None else row[0]


def _count(address: str, statement: str) -> int:
    with psycopg.connect(address, connect_timeout=5) as connection:
        row = connection.execute(statement.encode()).fetchone()
    return int(row[0]) if row is not None else 0


def _rows(connection: psycopg.Connection[TupleRow], table: str) -> list[dict[str, Any]]:
    return [row for (row,) in connection.execute(f'SELECT to_jsonb(r) FROM "{table}" AS r'.encode())]
