"""Reads the database of a source: what exists in it, and the changes that are not moved yet.

A PostgreSQL snapshot says which transactions it sees. The cursor is one, and what it sees was moved and is deleted
before the next reading. What a newer snapshot sees of the rest was committed between the two. So each committed change
is read exactly once, however long its transaction was open, and one that stays open holds up no other one.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import Any, Final

from psycopg.sql import SQL, Identifier

from app.models import Source
from app.postgres.base import JsonObject
from app.sources.foreign import LONGEST_STATEMENT_SECONDS, Connection, transaction
from app.sources.profile import Profile, ProfileTable
from workers.follow.folding import ForeignTransaction, RowChange

NOW: Final = "SELECT pg_current_snapshot()::text, clock_timestamp()"

ROWS: Final = SQL("SELECT to_jsonb(aftercommit_row.*) FROM {} AS aftercommit_row")

# By the number of their last change. Who waits for a row's lock writes after the last change of the one who held it, so
# for everything that touches the same row this is the order of the commits. The lowest number or the xid are not.
NEXT: Final = """
WITH waiting AS (
    SELECT xid, max(seq) AS last
    FROM aftercommit.row_change
    WHERE pg_visible_in_snapshot(xid, %(target)s::pg_snapshot)
      AND NOT EXISTS (SELECT FROM unnest(%(held)s::text[]) AS held WHERE held::xid8 = xid)
    GROUP BY xid
    ORDER BY last
    LIMIT %(limit)s
)
SELECT xid::text::bigint, seq, at, relation, old, new
FROM aftercommit.row_change JOIN waiting USING (xid)
ORDER BY last, seq
"""
HELD: Final = """
SELECT xid::text::bigint, seq, at, relation, old, new
FROM aftercommit.row_change
WHERE xid IN (SELECT held::xid8 FROM unnest(%(held)s::text[]) AS held)
ORDER BY xid, seq
"""


@dataclass(frozen=True, slots=True)
class Existing:
    """All rows of the profile's tables, by the table's name, as one snapshot sees them."""

    snapshot: str
    at: datetime
    rows: Mapping[str, Sequence[JsonObject]]


@dataclass(frozen=True, slots=True)
class Waiting:
    """The next transactions to move. `target` is the snapshot that sees them; `is_rest`: there are no more of it."""

    transactions: Sequence[ForeignTransaction]
    target: str
    is_rest: bool


def read_existing(connection: Connection, profile: Profile) -> Existing:
    """Read all rows of the profile's tables in one snapshot."""
    with transaction(connection, LONGEST_STATEMENT_SECONDS, consistent=True):
        snapshot, at = connection.execute(NOW).fetchone() or ("", None)
        rows = {name: _read_table(connection, table) for name, table in profile.tables.items()}
    assert at is not None, "a query without FROM has one row"
    return Existing(snapshot, at, rows)


def _read_table(connection: Connection, table: ProfileTable) -> list[JsonObject]:
    statement = ROWS.format(Identifier(*table.schema_and_table))
    return [row for (row,) in connection.execute(statement)]


def read_waiting(connection: Connection, source: Source, held: Sequence[int], limit: int) -> Waiting:
    """Read the next transactions, at most `limit`, in the order of their commits as far as they touch the same rows.

    What was moved must have been deleted, by `delete_moved`; the transactions that are `held` are still there.
    """
    with transaction(connection):
        target = source.moving_until
        if target is None:
            # A later statement sees at least what this snapshot sees.
            target, _ = connection.execute(NOW).fetchone() or ("", None)
        rows = connection.execute(NEXT, {"target": target, "held": _texts(held), "limit": limit}).fetchall()
    found = list(_transactions(rows))
    return Waiting(found, target, len(found) < limit)


def read_held(connection: Connection, held: Sequence[int]) -> list[ForeignTransaction]:
    """Read these transactions, which are held."""
    with transaction(connection):
        return list(_transactions(connection.execute(HELD, {"held": _texts(held)}).fetchall()))


def _texts(xids: Sequence[int]) -> list[str]:
    # There is no cast from a number to `xid8`.
    return [str(xid) for xid in xids]


def _transactions(rows: Sequence[tuple[Any, ...]]) -> Iterator[ForeignTransaction]:
    for xid, changes in groupby(rows, key=itemgetter(0)):
        yield ForeignTransaction(xid, [RowChange(*change[1:]) for change in changes])
