"""Applies the changes of a source to the states of its resources, and makes their events.

Usually all transactions of a batch are applied together. If that fails, each change is applied under a savepoint of its
own, and the one to blame is held: only its resource waits.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from sqlalchemy.orm import Session

from app.errors import UnfitRow
from app.log.append import append, check_log_accepts_events
from app.models import HeldChange, Source
from app.postgres.refusals import is_absence
from app.schemas.event import Event
from app.sources.profile import Profile
from workers.follow.folding import ForeignTransaction, NetChange, ResourceKey, RowChange, fold, places
from workers.follow.holding import Holds
from workers.follow.observing import compare
from workers.follow.reading import Existing
from workers.follow.states import Rules, apply
from workers.follow.store import States
from workers.follow.telling import Told, build_event, build_gap, build_skip, build_unknown_skip, tell

GONE: Final = "The row changes of this transaction are gone from the database of the source."


class Applier:
    """Makes the events of one batch of a source."""

    def __init__(
        self, source: Source, profile: Profile, rules: dict[str, Rules], states: States, size_cap: int
    ) -> None:
        """Take what all changes of the batch need."""
        self._source = source
        self.profile = profile
        self._rules = rules
        self._states = states
        self._size_cap = size_cap
        self._known = places(profile)

    def observe(self, looks: Sequence[Existing]) -> list[Event]:
        """Return the events for what exists when the source is attached, and save the states."""
        told = [
            one
            for look in looks
            for one in compare(self._source, self._rules, self._states, look, operation="observed")
        ]
        return self._finish(told)

    def verify(self, existing: Existing, holds: Holds) -> list[Event]:
        """Return the events for what has passed by the triggers, and save the states. Held resources are left out."""
        told = compare(self._source, self._rules, self._states, existing, operation="resynced", is_held=holds.blocks)
        return self._finish(list(told))

    def together(self, transactions: Sequence[ForeignTransaction], holds: Holds) -> list[Event]:
        """Return the events of these transactions, and save the states. What concerns a held resource is held too."""
        folded = [(item, fold(self._known, item.changes)) for item in transactions]
        self._states.load(key for _, net in folded for key in net)
        told: list[Told] = []
        for item, net in folded:
            for key, change in net.items():
                if holds.blocks(key):
                    holds.hold(item, *key)
                else:
                    told += self._tell(item, key, change)
        return [*self._finish(told), *self._gaps(transactions)]

    def apart(self, session: Session, transactions: Sequence[ForeignTransaction], holds: Holds) -> int:
        """Append the events of these transactions, each change by itself, and hold what fails; return their number.

        Raises:
            sqlalchemy.exc.DBAPIError: the log takes no event at all, so the changes are not to blame.
        """
        new = [holds.hold(item, kind, key) for item in transactions for kind, key in self._parts(item)]
        gaps = self._gaps(transactions)
        if gaps:
            append(session, gaps, rescued=0)
        due = {id(change) for change in holds.due()}
        return len(gaps) + self.retry(session, transactions, holds, [change for change in new if id(change) in due])

    def retry(
        self,
        session: Session,
        transactions: Sequence[ForeignTransaction],
        holds: Holds,
        changes: Sequence[HeldChange],
    ) -> int:
        """Append the events of held changes, each by itself; return their number.

        Raises:
            sqlalchemy.exc.DBAPIError: the log takes no event at all, so the changes are not to blame.
        """
        session.flush()
        by_xid = {item.xid: item for item in transactions}
        appended, succeeded, errors = 0, 0, list[Exception]()
        for change in holds.untroubled(changes):
            try:
                with session.begin_nested():
                    appended += self._append(session, change, by_xid.get(change.xid))
            except Exception as error:  # One bad change must stop its own resource only.
                if is_absence(error):
                    raise
                self._states.forget()
                holds.fail(change, error)
                errors.append(error)
            else:
                holds.release(change)
                succeeded += 1
        if not succeeded:
            check_log_accepts_events(session, errors)
        return appended

    def _append(self, session: Session, change: HeldChange, item: ForeignTransaction | None) -> int:
        if change.skip_reason is not None:
            events = [self._skip(change)]
            self._states.save()
        elif item is None:
            raise UnfitRow(GONE)
        else:
            events = self._finish([told for key, net in self._net(change, item) for told in self._tell(item, key, net)])
        if events:
            append(session, events, rescued=0)
        return len(events)

    def _net(self, change: HeldChange, item: ForeignTransaction) -> Iterator[tuple[ResourceKey, NetChange]]:
        net = fold(self._known, self._of_kind(item, change.kind))
        self._states.load(net)
        for key, one in net.items():
            if change.key in (None, key.key):
                yield key, one

    def _skip(self, change: HeldChange) -> Event:
        if change.key is None:
            return build_unknown_skip(self._source, change)
        key = ResourceKey(change.kind, change.key)
        self._states.load([key])
        return build_skip(self._source, key, self._states.touch(key), change)

    def _parts(self, item: ForeignTransaction) -> Iterator[tuple[str, str | None]]:
        """Yield the kind and key of each resource that the transaction changed; None: its rows do not say which."""
        for kind in self.profile.kinds:
            changes = self._of_kind(item, kind)
            try:
                keys = fold(self._known, changes)
            except Exception:  # noqa: BLE001  # It is tried again at once, and its error is stored then.
                yield kind, None
            else:
                yield from keys

    def _of_kind(self, item: ForeignTransaction, kind: str) -> list[RowChange]:
        return [change for change in item.changes if self._known[change.relation].kind_name == kind]

    def _tell(self, item: ForeignTransaction, key: ResourceKey, change: NetChange) -> list[Told]:
        state = self._states.touch(key)
        steps = apply(self._rules[key.kind], state, change)
        return [tell(self._source, key, state, step, item.at, str(item.xid)) for step in steps]

    def _finish(self, told: Sequence[Told]) -> list[Event]:
        events = self._build(told)
        self._states.save()
        return events

    def _build(self, told: Sequence[Told]) -> list[Event]:
        self._states.load_related(self.profile, ((one.key, one.references) for one in told))
        return [build_event(self._source, self.profile, self._states, one, self._size_cap) for one in told]

    def _gaps(self, transactions: Sequence[ForeignTransaction]) -> list[Event]:
        return [
            build_gap(self._source, change.relation, change.at, f"{item.xid}/{change.seq}")
            for item in transactions
            for change in item.changes
            if change.old is None and change.new is None
        ]
