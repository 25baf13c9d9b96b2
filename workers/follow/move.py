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

from sqlalchemy import func, select
from sqlalchemy.orm import Session, sessionmaker

from app.capture.masking_key import require_known_key
from app.log.append import append
from app.models import Source
from app.schemas.event import Event
from app.settings import Settings
from app.sources.attachment import delete_moved, require_same_database
from app.sources.foreign import Connection, connect, parse_url, transaction
from app.sources.masking import make_kind_masker
from app.sources.profile import Profile
from app.sources.profile_file import parse_profile
from app.sources.sealing import unseal
from workers.follow.folding import fold, places
from workers.follow.observing import compare
from workers.follow.reading import Existing, Stretch, Waiting, read_existing, read_waiting
from workers.follow.states import Rules, apply
from workers.follow.store import States
from workers.follow.telling import Told, build_event, build_gap, tell
from workers.follow.verifying import advance, next_stretch, unfinished

TRANSACTIONS: Final = 500
"""How many transactions of the source one batch moves at most."""
TURN_SECONDS: Final = 20.0
"""After this time a worker leaves the rest to the next turn, so that one source does not keep it for ever."""
IDLE_MS: Final = 100_000
"""How long our transaction may wait for the source's database before PostgreSQL ends it."""


@dataclass(frozen=True, slots=True)
class Batch:
    """What a batch moves: its events, whether more may wait, and the rows that it compared for a verification."""

    events: Sequence[Event]
    has_more: bool
    compared: Existing | None = None


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
                events += len(batch.events)
                if not batch.has_more or time.monotonic() > deadline:
                    return events
        finally:
            if self._connection is not None:
                self._connection.close()

    def _move_batch(self) -> Batch:
        with self._sessions() as session, session.begin():
            source = _lock(session, self._source_id)
            if source is None:
                return Batch((), has_more=False)
            _limit(session, IDLE_MS, 0)
            connection = self._connect(source)
            _clean(connection, source)
            profile = parse_profile(source.profile)
            rules = {name: Rules(kind, make_kind_masker(self._settings, kind)) for name, kind in profile.kinds.items()}
            require_known_key(session, next(iter(rules.values())).masker)
            states = States(session, source.id)
            verification = unfinished(session, source)
            stretch = None if verification is None else next_stretch(verification, profile)
            batch = self._read(connection, source, profile, rules, states, stretch)
            self._store(session, source, states, batch.events)
            if verification is None or batch.compared is None:
                return batch
            more = advance(session, verification, profile, batch.compared)
            return replace(batch, has_more=batch.has_more or more)

    def _read(
        self,
        connection: Connection,
        source: Source,
        profile: Profile,
        rules: dict[str, Rules],
        states: States,
        stretch: Stretch | None,
    ) -> Batch:
        """Return the next events. Move the cursor of the source."""
        if source.moved_until is None:
            looks = read_existing(connection, profile)
            told = [one for look in looks for one in compare(source, rules, states, look, is_first_look=True)]
            source.moved_until, source.batch = looks[0].snapshot, source.batch + 1
            source.moved = func.clock_timestamp()
            return Batch(self._build(source, profile, states, told), has_more=True)
        waiting = read_waiting(connection, source, TRANSACTIONS, profile, stretch)
        events = self._apply(source, profile, rules, states, waiting)
        if (existing := waiting.existing) is not None:
            lapses = compare(source, rules, states, existing, is_first_look=False)
            events += self._build(source, profile, states, list(lapses))
        has_more = bool(waiting.transactions) or source.moving_until is not None
        if has_more:
            _advance(source, waiting)
        return Batch(events, has_more, existing)

    def _apply(
        self, source: Source, profile: Profile, rules: dict[str, Rules], states: States, waiting: Waiting
    ) -> list[Event]:
        known, told, gaps = places(profile), list[Told](), list[Event]()
        folded = [(item, fold(known, item.changes)) for item in waiting.transactions]
        states.load(key for _, net in folded for key in net)
        for item, net in folded:
            cause = str(item.xid)
            for key, change in net.items():
                state = states.touch(key)
                told += [
                    tell(source, key, state, step, item.at, cause) for step in apply(rules[key.kind], state, change)
                ]
            gaps += [
                build_gap(source, change.relation, change.at, f"{cause}/{change.seq}")
                for change in item.changes
                if change.old is None and change.new is None
            ]
        return [*self._build(source, profile, states, told), *gaps]

    def _build(self, source: Source, profile: Profile, states: States, told: Sequence[Told]) -> list[Event]:
        states.load_related(profile, ((one.key, one.references) for one in told))
        return [build_event(source, profile, states, one, self._settings.event_size_cap) for one in told]

    def _connect(self, source: Source) -> Connection:
        if self._connection is None:
            assert source.url is not None, "an attached source has a URL"
            self._connection = connect(parse_url(unseal(source.url, self._settings.masking_key)))
        return self._connection

    def _store(self, session: Session, source: Source, states: States, events: Sequence[Event]) -> None:
        """Store what was moved. The append comes last, because it holds the log's lock until the commit."""
        states.save()
        if source.failures:
            source.failures, source.error, source.failing_since, source.retry_at = 0, None, None, None
        session.flush()
        limits = self._settings.database_idle_transaction_timeout_ms, self._settings.database_statement_timeout_ms * 2
        _limit(session, *limits)
        if events:
            append(session, events, rescued=0)


def _lock(session: Session, source_id: UUID) -> Source | None:
    """Return the source if it is to be followed and no other process has it locked; lock it."""
    followed = (Source.id == source_id, Source.url.is_not(None), Source.paused.is_(None))
    return session.scalar(select(Source).where(*followed).with_for_update(skip_locked=True, key_share=True))


def _limit(session: Session, idle_ms: int, transaction_ms: int) -> None:
    """Limit how long the rest of our transaction may be idle, and take."""
    limits = {"idle_in_transaction_session_timeout": idle_ms, "transaction_timeout": transaction_ms}
    session.execute(select(*(func.set_config(name, str(value), True) for name, value in limits.items())))


def _clean(connection: Connection, source: Source) -> None:
    """Check the source's database, and delete there what is in our log, unless that is done."""
    with transaction(connection):
        if require_same_database(connection, source).batch != source.batch:
            delete_moved(connection, source)


def _advance(source: Source, waiting: Waiting) -> None:
    """Move the cursor behind the transactions that were read."""
    if waiting.is_rest:
        source.moved_until, source.moving_until, source.moving_after = waiting.target, None, None
    else:
        source.moving_until, source.moving_after = waiting.target, waiting.transactions[-1].last_seq
    source.batch += 1
    source.moved = func.clock_timestamp()
