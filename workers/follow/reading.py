"""Reads the database of a source: what exists in it, and the changes that are not moved yet.

A PostgreSQL snapshot says which transactions it sees. The cursor is one, and what it sees was moved and is deleted
before the next reading. What a newer snapshot sees of the rest was committed between the two. So each committed change
is read exactly once, however long its transaction was open, and one that stays open holds up no other one.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import Any, Final

from psycopg.sql import SQL, Identifier

from app.models import Source
from app.postgres.base import JsonObject
from app.sources.foreign import LONGEST_STATEMENT_SECONDS, Connection, transaction
from app.sources.profile import Profile, ProfileTable
from workers.follow.folding import ForeignTransaction, RowChange, column_text

NOW: Final = "SELECT pg_current_snapshot()::text, clock_timestamp()"

# The rows whose key, or that of whose parent, is in a stretch. The order of the characters' codes is the same in every
# database, and in Python.
ROWS: Final = SQL(
    "SELECT to_jsonb(aftercommit_row.*) FROM {table} AS aftercommit_row"
    " CROSS JOIN LATERAL (SELECT (to_jsonb(aftercommit_row.{column}) #>> '{{}}') COLLATE \"C\" AS text) AS key"
    " WHERE (%(after)s::text IS NULL OR key.text > %(after)s) AND (%(until)s::text IS NULL OR key.text <= %(until)s)"
    " ORDER BY key.text LIMIT %(limit)s"
)

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


@dataclass(frozen=True, slots=True)
class Waiting:
    """The next transactions to move. `target` is the snapshot that sees them; `is_rest`: there are no more of it.

    `existing` has the rows of the stretch that was asked for, as `target` sees them; None if more transactions wait.
    """

    transactions: Sequence[ForeignTransaction]
    target: str
    is_rest: bool
    existing: Existing | None = None


def read_existing(connection: Connection, profile: Profile) -> list[Existing]:
    """Read all rows of the profile's tables in one snapshot."""
    with transaction(connection, LONGEST_STATEMENT_SECONDS, consistent=True):
        snapshot, at = _now(connection)
        return [_read_stretch(connection, profile, Stretch(name), snapshot, at) for name in profile.kinds]


def read_waiting(connection: Connection, source: Source, held: Sequence[int], limit: int) -> Waiting:
    """Read the next transactions, at most `limit`, in the order of their commits as far as they touch the same rows.

    What was moved must have been deleted, by `delete_moved`; the transactions that are `held` are still there.
    """
    with transaction(connection):
        # A later statement sees at least what this snapshot sees.
        now, _ = _now(connection)
        return _read_next(connection, source.moving_until or now, held, limit)


def read_with_stretch(
    connection: Connection, source: Source, held: Sequence[int], limit: int, profile: Profile, stretch: Stretch
) -> Waiting:
    """Read the next transactions, and if there are no others, the rows of the stretch, both in one snapshot."""
    with transaction(connection, LONGEST_STATEMENT_SECONDS, consistent=True):
        now, at = _now(connection)
        waiting = _read_next(connection, source.moving_until or now, held, limit)
        if not waiting.is_rest or waiting.target != now:
            return waiting
        return replace(waiting, existing=_read_stretch(connection, profile, stretch, now, at))


def _read_next(connection: Connection, target: str, held: Sequence[int], limit: int) -> Waiting:
    rows = connection.execute(NEXT, {"target": target, "held": _texts(held), "limit": limit}).fetchall()
    found = list(_transactions(rows))
    return Waiting(found, target, len(found) < limit)


def _now(connection: Connection) -> tuple[str, datetime]:
    row = connection.execute(NOW).fetchone()
    assert row is not None, "a query without FROM has one row"
    return row[0], row[1]


def _read_stretch(connection: Connection, profile: Profile, stretch: Stretch, snapshot: str, at: datetime) -> Existing:
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
