"""Planted bugs in how a worker moves the changes of a source."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from itertools import chain
from operator import attrgetter
from typing import Final

from sqlalchemy.orm import Session

from app.models import Source
from app.schemas.event import Event
from app.sources.attachment import Listed, delete_moved
from app.sources.foreign import Connection
from tests.chaos.planted.delays import random_delay
from tests.chaos.planted.patching import Function, NothingToPatch, replace
from workers.follow import backlog, reading
from workers.follow.folding import ForeignTransaction, RowChange

WINDOW: Final = timedelta(milliseconds=100)

NOW_WITHOUT_GATE: Final = """
SELECT xmax || ':' || xmax || ':', clock_timestamp()
FROM (SELECT pg_snapshot_xmax(pg_current_snapshot())::text AS xmax) AS current
"""
"""A snapshot that lists no running transaction, as a plain number would be."""


def cursor_moved_before_the_append() -> None:
    """Commit the cursor and the states, and append the events afterwards: a kill in between loses them."""

    def make(original: Function) -> Function:
        def append(session: Session, events: Sequence[Event], *, rescued: int) -> int:
            session.connection().exec_driver_sql("COMMIT")
            random_delay(0.3)
            last: int = original(session, events, rescued=rescued)
            return last

        return append

    replace("app.log.append", "append", make, used_by="workers.follow.move")


def cursor_that_ignores_open_transactions() -> None:
    """Remember only the highest transaction that was seen, and delete up to it: what was open then is lost."""
    if "pg_current_snapshot()" not in reading.NOW:
        raise NothingToPatch("workers.follow.reading.NOW does not read the snapshot any more.")
    reading.NOW = NOW_WITHOUT_GATE  # type: ignore[misc]

    def make(_original: Function) -> Function:
        def delete_listed(connection: Connection, source: Source, moved: Sequence[Listed], held: Sequence[int]) -> None:
            delete_moved(connection, source, held)

        return delete_listed

    replace("app.sources.attachment", "delete_listed", make, used_by="workers.follow.opening")


def fold_by_time() -> None:
    """Fold the changes that were made within a tenth of a second, instead of those of one transaction."""

    def make(original: Function) -> Function:
        def _read_changes(connection: Connection, chosen: Sequence[Listed]) -> list[ForeignTransaction]:
            transactions = original(connection, chosen)
            changes = sorted(chain.from_iterable(item.changes for item in transactions), key=attrgetter("at"))
            return [ForeignTransaction(transactions[-1].xid, part) for part in _within_window(changes)]

        return _read_changes

    replace("workers.follow.backlog", "_read_changes", make, used_by="workers.follow.backlog")


def transactions_ordered_by_their_first_change() -> None:
    """Order transactions by where they begin. Who waited for a row began before the one who held it."""
    if "max(seq) AS last" not in backlog.NEXT:
        raise NothingToPatch("workers.follow.backlog.NEXT orders in another way.")
    backlog.NEXT = backlog.NEXT.replace("min(seq), max(seq) AS last", "min(seq) AS last, max(seq)")  # type: ignore[misc]
    _note_readings()


def _within_window(changes: Sequence[RowChange]) -> Iterator[list[RowChange]]:
    part: list[RowChange] = []
    for change in changes:
        if part and change.at - part[0].at > WINDOW:
            yield part
            part = []
        part.append(change)
    if part:
        yield part


def _note_readings() -> None:
    """Count each reading as the situation that shows the bug."""

    def make(original: Function) -> Function:
        def _read_changes(connection: Connection, chosen: Sequence[Listed]) -> list[ForeignTransaction]:
            transactions: list[ForeignTransaction] = original(connection, chosen)
            return transactions

        return _read_changes

    replace("workers.follow.backlog", "_read_changes", make, used_by="workers.follow.backlog")
