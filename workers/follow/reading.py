"""Reads the rows that exist in the database of a source, as one snapshot sees them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from psycopg.sql import SQL, Identifier

from app.postgres.base import JsonObject
from app.sources.foreign import LONGEST_STATEMENT_SECONDS, Connection, transaction
from app.sources.profile import Profile, ProfileTable
from workers.follow.folding import column_text

NOW: Final = "SELECT pg_current_snapshot()::text, clock_timestamp()"

# The rows whose key, or that of whose parent, is in a stretch. The order of the characters' codes is the same in every
# database, and in Python.
ROWS: Final = SQL(
    "SELECT to_jsonb(aftercommit_row.*) FROM {table} AS aftercommit_row"
    " CROSS JOIN LATERAL (SELECT (to_jsonb(aftercommit_row.{column}) #>> '{{}}') COLLATE \"C\" AS text) AS key"
    " WHERE (%(after)s::text IS NULL OR key.text > %(after)s) AND (%(until)s::text IS NULL OR key.text <= %(until)s)"
    " ORDER BY key.text LIMIT %(limit)s"
)


@dataclass(frozen=True, slots=True)
class Stretch:
    """Resources of one kind whose keys follow `after`, in the order of the keys; at most `limit`. None: no bound."""

    kind: str
    after: str | None = None
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class Existing:
    """The rows of a stretch, by the table's name, as one snapshot sees them.

    `until` is the last key of the stretch; None: it reaches to the end of the kind.
    """

    stretch: Stretch
    snapshot: str
    at: datetime
    rows: Mapping[str, Sequence[JsonObject]]
    until: str | None


def read_existing(connection: Connection, profile: Profile) -> list[Existing]:
    """Read all rows of the profile's tables in one snapshot."""
    with transaction(connection, LONGEST_STATEMENT_SECONDS, consistent=True):
        snapshot, at = now(connection)
        return [read_stretch(connection, profile, Stretch(name), snapshot, at) for name in profile.kinds]


def now(connection: Connection) -> tuple[str, datetime]:
    """Return the snapshot of the open transaction or statement, and the time there."""
    row = connection.execute(NOW).fetchone()
    assert row is not None, "a query without FROM has one row"
    return row[0], row[1]


def read_stretch(connection: Connection, profile: Profile, stretch: Stretch, snapshot: str, at: datetime) -> Existing:
    kind = profile.kinds[stretch.kind]
    own = _read_table(connection, kind, kind.key, stretch, None)
    until = column_text(own[-1], kind.key) if own and len(own) == stretch.limit else None
    children = {
        child.table: _read_table(connection, child, child.parent, replace(stretch, limit=None), until)
        for child in kind.children.values()
    }
    return Existing(stretch, snapshot, at, {kind.table: own, **children}, until)


def _read_table(
    connection: Connection, table: ProfileTable, column: str, stretch: Stretch, until: str | None
) -> list[JsonObject]:
    statement = ROWS.format(table=Identifier(*table.schema_and_table), column=Identifier(column))
    bounds = {"after": stretch.after, "until": until, "limit": stretch.limit}
    return [row for (row,) in connection.execute(statement, bounds)]
