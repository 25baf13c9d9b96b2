"""Turns snapshots into events: drains their lanes, one transaction for each batch."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session, sessionmaker

from app.models import SnapshotRow
from workers.batch import Batch, append_apart, append_together, build_batch
from workers.claim import claim, has_claimable, lanes_of, lock_lane
from workers.failures import record_failures
from workers.outage import is_refusal

Append = Callable[[Session, Batch, set[UUID]], None]


@dataclass(frozen=True, slots=True)
class Dispatcher:
    """Drains lanes. `appended` is called after each commit with the log's new last position.

    `rescue_after` is None for a doorbell of the API; for one of the sweep it is the age in seconds from which a
    snapshot counts as rescued by it.
    """

    sessions: sessionmaker[Session]
    batch_size: int
    size_cap: int
    appended: Callable[[int], None]
    rescue_after: float | None = None

    def dispatch(self, snapshot_ids: Sequence[UUID]) -> int:
        """Drain the lanes of these snapshots and return how many events were appended.

        Ids that are gone are no error: a doorbell may ring twice, and a lane's holder takes all that waits there.
        """
        with self.sessions() as session:
            lanes = lanes_of(session, snapshot_ids)
        total, first_error = 0, None
        for lane in lanes:
            try:
                total += self.drain(lane)
            except Exception as error:  # noqa: BLE001  # The other lanes of this message must not wait for this one.
                first_error = first_error or error
        if first_error is not None:
            raise first_error
        return total

    def drain(self, lane: int) -> int:
        """Dispatch what waits in the lane until nothing does, or until another worker has it."""
        total = 0
        while (count := self._dispatch_batch(lane)) is not None:
            total += count
            # A doorbell that found the lane taken went away. Its snapshot was committed before it rang, so a look
            # after the lock's release sees that snapshot: no wake-up is lost.
            with self.sessions() as session:
                if not has_claimable(session, lane):
                    break
        return total

    def _dispatch_batch(self, lane: int) -> int | None:
        """Dispatch the next batch; return the number of its events, or None when the lane is taken."""
        try:
            return self._transaction(lane, append_together)
        except DBAPIError as error:
            if not is_refusal(error):
                raise
        # The database refused something in the batch: once more, event by event, to find out which.
        return self._transaction(lane, append_apart)

    def _transaction(self, lane: int, append: Append) -> int | None:
        with self.sessions() as session, session.begin():
            now = lock_lane(session, lane)
            if now is None:
                return None
            snapshots = claim(session, lane, self.batch_size)
            rescued = self._rescued(snapshots, now)
            batch = build_batch(session, snapshots, self.size_cap)
            append(session, batch, rescued)
            record_failures(session, batch.failures, now)
        if batch.position is not None:
            self.appended(batch.position)
        return len(batch.built)

    def _rescued(self, snapshots: Sequence[SnapshotRow], now: datetime) -> set[UUID]:
        """Return the ids of those that nobody but the sweep rang for: old, and not waiting for a retry."""
        if self.rescue_after is None:
            return set()
        before = now - timedelta(seconds=self.rescue_after)
        retried = {snapshot.resource_id for snapshot in snapshots if snapshot.attempts}
        return {row.id for row in snapshots if row.captured < before and row.resource_id not in retried}
