"""Planted bugs in how a worker moves the changes of a source."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from itertools import chain
from operator import attrgetter
from typing import Any, Final

from sqlalchemy.orm import Session

from app.models import Source
from app.schemas.event import Event
from app.sources.foreign import Connection
from tests.chaos.planted.delays import random_delay
from tests.chaos.planted.patching import Function, NothingToPatch, replace
from workers.follow import reading
from workers.follow.folding import ForeignTransaction, RowChange
from workers.follow.reading import Waiting

WINDOW: Final = timedelta(milliseconds=100)

NOW_WITHOUT_GATE: Final = """
SELECT xmax || ':' || xmax || ':', clock_timestamp()
FROM (SELECT pg_snapshot_xmax(pg_current_snapshot())::text AS xmax) AS current
"""
"""A snapshot that lists no running transaction, as a plain number would be."""


def cursor_moved_before_the_append() -> None:
    """Commit the cursor and the states, and append the events afterwards: a kill in between loses them."""

    def make(original: Function) -> Function:
        def append(session: Session, events: Sequence[Event], *, rescued: int) -> Any:
            session.connection().exec_driver_sql("COMMIT")
            random_delay(0.3)
            return original(session, events, rescued=rescued)

        return append

    replace("app.log.append", "append", make, used_by="workers.follow.move")


def cursor_that_ignores_open_transactions() -> None:
    """Remember only the highest transaction that was seen: what was open then and commits later is taken for moved."""
    if "pg_current_snapshot()" not in reading.NOW:
        raise NothingToPatch("workers.follow.reading.NOW does not read the snapshot any more.")
    reading.NOW = NOW_WITHOUT_GATE  # type: ignore[misc]
    _note_readings()


def fold_by_time() -> None:
    """Fold the changes that were made within a tenth of a second, instead of those of one transaction."""

    def make(original: Function) -> Function:
        def read_waiting(connection: Connection, source: Source, held: Sequence[int], limit: int) -> Waiting:
            waiting = original(connection, source, held, limit)
            changes = sorted(chain.from_iterable(item.changes for item in waiting.transactions), key=attrgetter("at"))
            last = waiting.transactions[-1].xid if waiting.transactions else 0
            folded = [ForeignTransaction(last, part) for part in _within_window(changes)]
            return Waiting(folded, waiting.target, waiting.is_rest)

        return read_waiting

    replace("workers.follow.reading", "read_waiting", make, used_by="workers.follow.move")


def transactions_ordered_by_their_first_change() -> None:
    """Order transactions by where they begin. Who waited for a row began before the one who held it."""
    if "max(seq) AS last" not in reading.NEXT:
        raise NothingToPatch("workers.follow.reading.NEXT orders in another way.")
    reading.NEXT = reading.NEXT.replace("max(seq) AS last", "min(seq) AS last")  # type: ignore[misc]
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
        def read_waiting(connection: Connection, source: Source, held: Sequence[int], limit: int) -> Waiting:
            waiting: Waiting = original(connection, source, held, limit)
            return waiting

        return read_waiting

    replace("workers.follow.reading", "read_waiting", make, used_by="workers.follow.move")
