"""Moves the changes of a source into the log: batch by batch, each in one transaction of our database.

That transaction appends the events, stores the states and moves the cursor. So a kill at any moment repeats nothing and
skips nothing. What was moved is deleted in the source's database afterwards; a change that is still there is known by
the cursor.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final
from uuid import UUID

from sqlalchemy.orm import Session, sessionmaker

from app.errors import AppError, UnfitRow
from app.log.append import append
from app.models import Source
from app.postgres.refusals import is_absence
from app.schemas.event import Event
from app.settings import Settings
from workers.follow.backlog import Waiting, read_held
from workers.follow.opening import Opened, Turn, forget_failure
from workers.follow.reading import read_existing
from workers.follow.verifying import advance, next_stretch, unfinished

TRANSACTIONS: Final = 500
"""How many transactions of the source one batch moves at most."""
CAREFUL: Final = 50
"""How many it moves at most after a failure, each change by itself."""
TURN_SECONDS: Final = 20.0
"""After this time a worker leaves the rest to the next turn, so that one source does not keep it for ever."""


@dataclass(frozen=True, slots=True)
class Batch:
    """What was moved: the number of events, whether more may wait, and whether a verification is all that waits."""

    events: int
    has_more: bool
    is_verifying: bool = False


class Mover:
    """Moves the changes of one source. It is made for one turn."""

    def __init__(self, sessions: sessionmaker[Session], settings: Settings, source_id: UUID) -> None:
        """Take what is needed for all batches of the turn."""
        self._turn = Turn(sessions, settings, source_id)

    def run(self) -> int:
        """Move what waits, and return the number of events. It returns at once if another worker is moving it.

        Raises:
            AppError: the source's database cannot be used now.
            sqlalchemy.exc.DBAPIError: ours cannot.
        """
        events, deadline = 0, time.monotonic() + TURN_SECONDS
        try:
            while True:
                batch = self._move_batch()
                events += batch.events
                if batch.is_verifying:
                    # Only when all else is moved, so that nothing has to wait if it fails.
                    batch = self._verify_batch()
                    events += batch.events
                if not batch.has_more or time.monotonic() > deadline:
                    return events
        finally:
            self._turn.close()

    def _move_batch(self) -> Batch:
        """Move one batch. If it fails because of a change, move a smaller one that holds what fails."""
        try:
            return self._try_batch(is_careful=False)
        except AppError as error:
            if not isinstance(error, UnfitRow):
                raise
        except Exception as error:
            if is_absence(error):
                raise
        self._turn.backlog.forget()
        return self._try_batch(is_careful=True)

    def _try_batch(self, *, is_careful: bool) -> Batch:
        with self._turn.opened() as opened:
            if opened is None:
                return Batch(0, has_more=False)
            session, source, holds, applier = opened.session, opened.source, opened.holds, opened.applier
            if source.moved_until is None:
                looks = read_existing(opened.connection, applier.profile)
                source.moved_until = looks[0].snapshot
                return self._append(opened, applier.observe(looks))
            if due := holds.due():
                self._turn.backlog.forget()
                found = read_held(opened.connection, [change.xid for change in due])
                self._turn.succeed(opened)
                return Batch(applier.retry(session, found, holds, due), has_more=True)
            limit = CAREFUL if is_careful else TRANSACTIONS
            waiting = self._turn.backlog.read(opened.connection, source, holds.transactions, limit)
            is_verifying = waiting.is_rest and unfinished(session, source) is not None
            if not waiting.transactions and source.moving_until is None:
                forget_failure(source)
                return Batch(0, has_more=False, is_verifying=is_verifying)
            _advance(source, waiting)
            if is_careful:
                self._turn.succeed(opened)
                return Batch(applier.apart(session, waiting.transactions, holds), has_more=True)
            return self._append(opened, applier.together(waiting.transactions, holds), is_verifying=is_verifying)

    def _verify_batch(self) -> Batch:
        """Move what waits, and compare the next rows with the log, both as one snapshot sees them."""
        with self._turn.opened() as opened:
            verification = None if opened is None else unfinished(opened.session, opened.source)
            if opened is None or verification is None:
                return Batch(0, has_more=False)
            source, holds, applier = opened.source, opened.holds, opened.applier
            stretch = next_stretch(verification, applier.profile)
            waiting = self._turn.backlog.read_with_stretch(
                opened.connection, source, holds.transactions, TRANSACTIONS, applier.profile, stretch
            )
            _advance(source, waiting)
            events = applier.together(waiting.transactions, holds)
            if waiting.existing is None:
                return self._append(opened, events)
            batch = self._append(opened, [*events, *applier.verify(waiting.existing, holds)])
            has_more = advance(opened.session, verification, applier.profile, waiting.existing)
            return replace(batch, has_more=has_more or bool(waiting.transactions))

    def _append(self, opened: Opened, events: Sequence[Event], *, is_verifying: bool = False) -> Batch:
        """Append the events. This comes last, because it holds the log's lock until the commit."""
        self._turn.succeed(opened)
        if events:
            append(opened.session, events, rescued=0)
        return Batch(len(events), has_more=True, is_verifying=is_verifying)


def _advance(source: Source, waiting: Waiting) -> None:
    """Move the cursor behind the transactions that were read."""
    if waiting.is_rest:
        source.moved_until, source.moving_until, source.moving_after = waiting.target, None, None
    else:
        source.moving_until, source.moving_after = waiting.target, waiting.transactions[-1].last_seq
