"""The held changes of a source: those that failed, and those that wait for a failed one of the same resource.

The row changes of a held change stay in the source's database, because they are not masked. Here is only which change
it is and why it waits. The rest of the source goes on.
"""

import random
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID, uuid4

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.models import HeldChange
from app.telemetry import get_logger
from workers.follow.failures import describe_failure
from workers.follow.folding import ForeignTransaction, ResourceKey
from workers.retry import next_delay

MOST: Final = 500
"""How many held changes are tried in one transaction of ours."""

logger = get_logger(__name__)


class _Blocked:
    """The resources that wait. A change whose resource is not known waits for all of its kind, and they for it."""

    def __init__(self) -> None:
        self._resources: set[tuple[str, str | None]] = set()
        self._kinds: set[str] = set()

    def add(self, kind: str, key: str | None) -> None:
        self._resources.add((kind, key))
        self._kinds.add(kind)

    def has(self, kind: str, key: str | None) -> bool:
        if key is None:
            return kind in self._kinds
        return (kind, key) in self._resources or (kind, None) in self._resources


class Holds:
    """The held changes of one source. They are loaded at once and changed in the open transaction."""

    def __init__(self, session: Session, source_id: UUID) -> None:
        """Load them."""
        self._session = session
        self._source_id = source_id
        of_source = HeldChange.source_id == source_id
        ordered = select(HeldChange).where(of_source).order_by(HeldChange.last_seq, HeldChange.kind)
        self._changes = list(session.scalars(ordered))
        self._now: datetime = session.scalars(select(func.clock_timestamp())).one()
        self._blocked = _Blocked()
        for change in self._changes:
            self._blocked.add(change.kind, change.key)

    @property
    def transactions(self) -> list[int]:
        """The transactions whose row changes must stay in the source's database."""
        return list({change.xid for change in self._changes})

    def blocks(self, key: ResourceKey) -> bool:
        """Return whether the next change of this resource has to wait."""
        return self._blocked.has(*key)

    def hold(self, item: ForeignTransaction, kind: str, key: str | None) -> HeldChange:
        """Hold a change of this transaction."""
        change = HeldChange(
            id=uuid4(), source_id=self._source_id, xid=item.xid, last_seq=item.last_seq, at=item.at, kind=kind, key=key
        )
        change.attempts = 0
        self._changes.append(change)
        self._blocked.add(kind, key)
        self._session.add(change)
        return change

    def due(self) -> list[HeldChange]:
        """Return the changes that are to be tried now, in their order, at most `MOST`."""
        waiting, found = _Blocked(), list[HeldChange]()
        for change in self._changes:
            if len(found) == MOST:
                break
            if waiting.has(change.kind, change.key) or not self._is_due(change):
                waiting.add(change.kind, change.key)
            else:
                found.append(change)
        return found

    def untroubled(self, changes: Iterable[HeldChange]) -> Iterator[HeldChange]:
        """Yield these changes, but none behind one that has just failed for its resource."""
        failed = _Blocked()
        for change in changes:
            if failed.has(change.kind, change.key):
                continue
            yield change
            if not self._is_due(change):
                failed.add(change.kind, change.key)

    def _is_due(self, change: HeldChange) -> bool:
        if change.parked is not None:
            return False
        return change.next_attempt is None or change.next_attempt <= self._now

    def release(self, change: HeldChange) -> None:
        """Forget a change that is in the log now."""
        self._changes.remove(change)
        self._session.delete(change)

    def fail(self, change: HeldChange, error: Exception) -> None:
        """Count a failure. The change is tried again later, and parked in the end."""
        change.attempts += 1
        delay = next_delay(change.attempts, random.random())  # noqa: S311  # It spreads retries and needs no secrecy.
        change.error = describe_failure(error)
        change.next_attempt = None if delay is None else self._now + timedelta(seconds=delay)
        change.parked = self._now if delay is None else None
        logger.error(
            "source_change_parked" if delay is None else "source_change_failed",
            source_id=str(self._source_id),
            change_id=str(change.id),
            kind=change.kind,
            key=change.key,
            attempts=change.attempts,
            error=change.error,
        )
