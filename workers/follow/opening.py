"""Opens the batches of a turn: our transaction, the locked source, and the connection to its database."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session, sessionmaker

from app.capture.masking_key import require_known_key
from app.models import Source
from app.settings import Settings
from app.sources.attachment import Listed, delete_listed, delete_moved, require_same_database
from app.sources.foreign import Connection, connect, parse_url, transaction
from app.sources.masking import make_kind_masker
from app.sources.profile_file import parse_profile
from app.sources.sealing import unseal
from workers.follow.applying import Applier
from workers.follow.backlog import Backlog
from workers.follow.holding import Holds
from workers.follow.states import Rules
from workers.follow.store import States

IDLE_MS: Final = 100_000
"""How long our transaction may wait for the source's database before PostgreSQL ends it."""


@dataclass(frozen=True, slots=True)
class Opened:
    """What a batch needs: our open transaction, the locked source, and the connection to its database."""

    session: Session
    source: Source
    connection: Connection
    holds: Holds
    applier: Applier


class Turn:
    """A turn of a worker with one source. Its batches share a connection to the source's database.

    Attributes:
        backlog: the transactions that wait there.
    """

    def __init__(self, sessions: sessionmaker[Session], settings: Settings, source_id: UUID) -> None:
        """Take what is needed for all batches."""
        self._sessions = sessions
        self._settings = settings
        self._source_id = source_id
        self._connection: Connection | None = None
        self.backlog = Backlog()
        self._batch: int | None = None
        """The number of the last batch of this turn."""

    @contextmanager
    def opened(self) -> Iterator[Opened | None]:
        """Yield what a batch needs, or None if the source is not to be followed now, or is moved by another worker.

        Raises:
            AppError: the source's database cannot be used now.
        """
        with self._sessions() as session, session.begin():
            source = _lock(session, self._source_id)
            if source is None:
                yield None
                return
            _limit(session, IDLE_MS, 0)
            connection, holds = self._connect(source), Holds(session, source.id)
            if source.batch != self._batch:
                # Another worker had a turn in between, or this is our first batch.
                self.backlog.forget()
            _clean(connection, source, self.backlog.last, holds.transactions)
            yield Opened(session, source, connection, holds, self._applier(session, source))

    def succeed(self, opened: Opened) -> None:
        """Count the batch, and forget an earlier failure. From here on our transaction waits only for our database."""
        source = opened.source
        source.batch, source.moved = source.batch + 1, func.clock_timestamp()
        self._batch = source.batch
        forget_failure(source)
        opened.session.flush()
        _limit(
            opened.session,
            self._settings.database_idle_transaction_timeout_ms,
            self._settings.database_statement_timeout_ms * 2,
        )

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()

    def _connect(self, source: Source) -> Connection:
        if self._connection is None:
            assert source.url is not None, "an attached source has a URL"
            self._connection = connect(parse_url(unseal(source.url, self._settings.masking_key)))
        return self._connection

    def _applier(self, session: Session, source: Source) -> Applier:
        profile = parse_profile(source.profile)
        rules = {name: Rules(kind, make_kind_masker(self._settings, kind)) for name, kind in profile.kinds.items()}
        require_known_key(session, next(iter(rules.values())).masker)
        return Applier(source, profile, rules, States(session, source.id), self._settings.event_size_cap)


def forget_failure(source: Source) -> None:
    """Forget an earlier failure of the source: it works now."""
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


def _clean(connection: Connection, source: Source, last: Sequence[Listed], held: Sequence[int]) -> None:
    """Check the source's database, and delete there what is in our log, unless that is done."""
    with transaction(connection):
        if require_same_database(connection, source).batch == source.batch:
            return
        if last:
            delete_listed(connection, source, last, held)
        else:
            delete_moved(connection, source, held)
