"""Reads the changes that wait in the database of a source.

A PostgreSQL snapshot says which transactions it sees. The cursor is one, and what it sees was moved and is deleted
before the next reading. What a newer snapshot sees of the rest was committed between the two. So each committed change
is read exactly once, however long its transaction was open, and one that stays open holds up no other one.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from operator import itemgetter
from typing import Any, Final

from app.models import Source
from app.sources.attachment import Listed, xid_texts
from app.sources.foreign import LONGEST_STATEMENT_SECONDS, Connection, transaction
from app.sources.profile import Profile
from workers.follow.folding import ForeignTransaction, RowChange
from workers.follow.reading import Existing, Stretch, now, read_stretch

LISTED: Final = 100_000
"""How many transactions are listed at most, for memory."""

# By the number of their last change. Who waits for a row's lock writes after the last change of the one who held it, so
# for everything that touches the same row this is the order of the commits. The lowest number or the xid are not.
NEXT: Final = """
SELECT xid::text::bigint, min(seq), max(seq) AS last
FROM aftercommit.row_change
WHERE pg_visible_in_snapshot(xid, %(target)s::pg_snapshot)
  AND NOT EXISTS (SELECT FROM unnest(%(held)s::text[]) AS held WHERE held::xid8 = xid)
GROUP BY xid
ORDER BY last
LIMIT %(limit)s
"""
CHANGES: Final = """
SELECT xid::text::bigint, seq, at, relation, old, new
FROM aftercommit.row_change
WHERE seq BETWEEN %(first)s AND %(last)s AND xid IN (SELECT wanted::xid8 FROM unnest(%(xids)s::text[]) AS wanted)
ORDER BY seq
"""
HELD: Final = """
SELECT xid::text::bigint, seq, at, relation, old, new
FROM aftercommit.row_change
WHERE xid IN (SELECT held::xid8 FROM unnest(%(held)s::text[]) AS held)
ORDER BY xid, seq
"""


@dataclass(frozen=True, slots=True)
class Waiting:
    """The next transactions to move. `target` is the snapshot that sees them; `is_rest`: there are no more of it.

    `existing` has the rows of the stretch that was asked for, as `target` sees them; None if more transactions wait.
    """

    transactions: Sequence[ForeignTransaction]
    target: str
    is_rest: bool
    existing: Existing | None = None


class Backlog:
    """The transactions of one snapshot that wait, listed once. Each batch takes the next ones.

    It is for one turn of one worker: `forget` it when another worker may have moved some of them.

    Attributes:
        last: the transactions of the last batch; empty if they are not known.
    """

    def __init__(self) -> None:
        """Begin without a list."""
        self.last: Sequence[Listed] = ()
        self._target = ""
        self._listed: deque[Listed] = deque()
        self._is_whole = False

    def forget(self) -> None:
        """List the transactions anew at the next reading."""
        self.last, self._target = (), ""

    def read(self, connection: Connection, source: Source, held: Sequence[int], limit: int) -> Waiting:
        """Read the next transactions, at most `limit`, in the order of their commits as far as they touch equal rows.

        What was moved must have been deleted; the transactions that are `held` are still there.
        """
        with transaction(connection):
            return self._next(connection, source, held, limit)

    def read_with_stretch(
        self,
        connection: Connection,
        source: Source,
        held: Sequence[int],
        limit: int,
        profile: Profile,
        stretch: Stretch,
    ) -> Waiting:
        """Read the next transactions, and if there are no others, the rows of the stretch, both in one snapshot."""
        with transaction(connection, LONGEST_STATEMENT_SECONDS, consistent=True):
            self.forget()
            waiting = self._next(connection, source, held, limit)
            snapshot, at = now(connection)
            if not waiting.is_rest or waiting.target != snapshot:
                return waiting
            return replace(waiting, existing=read_stretch(connection, profile, stretch, snapshot, at))

    def _next(self, connection: Connection, source: Source, held: Sequence[int], limit: int) -> Waiting:
        if source.moving_until is None or source.moving_until != self._target or not self._listed:
            self._list(connection, source.moving_until, held)
        self.last = [self._listed.popleft() for _ in range(min(limit, len(self._listed)))]
        transactions = _read_changes(connection, self.last) if self.last else []
        return Waiting(transactions, self._target, self._is_whole and not self._listed)

    def _list(self, connection: Connection, target: str | None, held: Sequence[int]) -> None:
        if target is None:
            # A later statement sees at least what this snapshot sees.
            target, _ = now(connection)
        parameters = {"target": target, "held": xid_texts(held), "limit": LISTED}
        self._listed = deque(Listed(*row) for row in connection.execute(NEXT, parameters).fetchall())
        self._target, self._is_whole = target, len(self._listed) < LISTED


def _read_changes(connection: Connection, chosen: Sequence[Listed]) -> list[ForeignTransaction]:
    parameters = {
        "xids": xid_texts([item.xid for item in chosen]),
        "first": min(item.first for item in chosen),
        "last": max(item.last for item in chosen),
    }
    found: dict[int, list[RowChange]] = {item.xid: [] for item in chosen}
    for xid, *change in connection.execute(CHANGES, parameters).fetchall():
        found[xid].append(RowChange(*change))
    return [ForeignTransaction(xid, changes) for xid, changes in found.items()]


def read_held(connection: Connection, held: Sequence[int]) -> list[ForeignTransaction]:
    """Read these transactions, which are held."""
    with transaction(connection):
        return list(_transactions(connection.execute(HELD, {"held": xid_texts(held)}).fetchall()))


def _transactions(rows: Sequence[tuple[Any, ...]]) -> Iterator[ForeignTransaction]:
    for xid, changes in groupby(rows, key=itemgetter(0)):
        yield ForeignTransaction(xid, [RowChange(*change[1:]) for change in changes])
