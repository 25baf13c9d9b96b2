"""Moves the changes of a source into the log: batch by batch, each in one transaction of our database.

That transaction appends the events, stores the states and moves the cursor. So a kill at any moment repeats nothing and
skips nothing. What was moved is deleted in the source's database afterwards; a change that is still there is known by
the cursor.
"""

import time
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session, sessionmaker

from app.capture.masking_key import require_known_key
from app.errors import AppError, UnfitRow
from app.log.append import append
from app.models import Source
from app.postgres.refusals import is_absence
from app.settings import Settings
from app.sources.attachment import delete_moved, require_same_database
from app.sources.foreign import Connection, connect, parse_url, transaction
from app.sources.profile_file import parse_profile
from app.sources.sealing import unseal
from workers.follow.applying import Applier
from workers.follow.holding import Holds
from workers.follow.masks import make_rules
from workers.follow.reading import Waiting, read_existing, read_held, read_waiting
from workers.follow.store import States

TRANSACTIONS: Final = 500
"""How many transactions of the source one batch moves at most."""
CAREFUL: Final = 50
"""How many it moves at most after a failure, each change by itself."""
TURN_SECONDS: Final = 20.0
"""After this time a worker leaves the rest to the next turn, so that one source does not keep it for ever."""
IDLE_MS: Final = 100_000
"""How long our transaction may wait for the source's database before PostgreSQL ends it."""


@dataclass(frozen=True, slots=True)
class Batch:
    """What was moved: the number of events, and whether more may wait."""

    events: int
    has_more: bool


class Mover:
    """Moves the changes of one source. It is made for one turn."""

    def __init__(self, sessions: sessionmaker[Session], settings: Settings, source_id: UUID) -> None:
        """Take what is needed for all batches of the turn."""
        self._sessions = sessions
        self._settings = settings
        self._source_id = source_id
        self._connection: Connection | None = None

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
                if not batch.has_more or time.monotonic() > deadline:
                    return events
        finally:
            if self._connection is not None:
                self._connection.close()

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
        return self._try_batch(is_careful=True)

    def _try_batch(self, *, is_careful: bool) -> Batch:
        with self._sessions() as session, session.begin():
            source = _lock(session, self._source_id)
            if source is None:
                return Batch(0, has_more=False)
            _limit(session, IDLE_MS, 0)
            connection, holds = self._connect(source), Holds(session, source.id)
            _clean(connection, source, holds)
            applier = self._applier(session, source)
            if source.moved_until is None:
                existing = read_existing(connection, applier.profile)
                events = applier.observe(existing)
                source.moved_until = existing.snapshot
            elif due := holds.due():
                found = read_held(connection, [change.xid for change in due])
                self._succeed(session, source)
                return Batch(applier.retry(session, found, holds, due), has_more=True)
            else:
                waiting = read_waiting(connection, source, holds.transactions, CAREFUL if is_careful else TRANSACTIONS)
                if not waiting.transactions and source.moving_until is None:
                    _forget_failure(source)
                    return Batch(0, has_more=False)
                _advance(source, waiting)
                if is_careful:
                    self._succeed(session, source)
                    return Batch(applier.apart(session, waiting.transactions, holds), has_more=True)
                events = applier.together(waiting.transactions, holds)
            self._succeed(session, source)
            # The append comes last, because it holds the log's lock until the commit.
            if events:
                append(session, events, rescued=0)
            return Batch(len(events), has_more=True)

    def _applier(self, session: Session, source: Source) -> Applier:
        profile = parse_profile(source.profile)
        rules = make_rules(self._settings, profile)
        require_known_key(session, next(iter(rules.values())).masker)
        return Applier(source, profile, rules, States(session, source.id), self._settings.event_size_cap)

    def _connect(self, source: Source) -> Connection:
        if self._connection is None:
            assert source.url is not None, "an attached source has a URL"
            self._connection = connect(parse_url(unseal(source.url, self._settings.masking_key)))
        return self._connection

    def _succeed(self, session: Session, source: Source) -> None:
        """Count the batch, and forget an earlier failure. From here on our transaction waits only for our database."""
        source.batch, source.moved = source.batch + 1, func.clock_timestamp()
        _forget_failure(source)
        session.flush()
        _limit(
            session,
            self._settings.database_idle_transaction_timeout_ms,
            self._settings.database_statement_timeout_ms * 2,
        )


def _forget_failure(source: Source) -> None:
    if source.failures:
        source.failures, source.error, source.failing_since, source.retry_at = 0, None, None, None


def _lock(session: Session, source_id: UUID) -> Source | None:
    """Return the source if it is to be followed and no other process has it locked; lock it."""
    followed = (Source.id == source_id, Source.url.is_not(None), Source.paused.is_(None))
    return session.scalar(select(Source).where(*followed).with_for_update(skip_locked=True, key_share=True))


def _limit(session: Session, idle_ms: int, transaction_ms: int) -> None:
    """Limit how long the rest of our transaction may be idle, and take."""
    limits = {"idle_in_transaction_session_timeout": idle_ms, "transaction_timeout": transaction_ms}
    session.execute(select(*(func.set_config(name, str(value), True) for name, value in limits.items())))


def _clean(connection: Connection, source: Source, holds: Holds) -> None:
    """Check the source's database, and delete there what is in our log, unless that is done."""
    with transaction(connection):
        if require_same_database(connection, source).batch != source.batch:
            delete_moved(connection, source, holds.transactions)


def _advance(source: Source, waiting: Waiting) -> None:
    """Move the cursor behind the transactions that were read."""
    if waiting.is_rest:
        source.moved_until, source.moving_until, source.moving_after = waiting.target, None, None
    else:
        source.moving_until, source.moving_after = waiting.target, waiting.transactions[-1].last_seq
