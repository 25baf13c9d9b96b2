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
from workers.deaths import Marks, deadly, suspect
from workers.failures import record_failures
from workers.outage import is_refusal

Append = Callable[[Session, Batch, set[UUID]], None]


@dataclass(frozen=True, slots=True)
class Dispatcher:
    """Drains lanes. `appended` is called after each commit with the log's new last position.

    `rescue_after` is None for a doorbell of the API; for one of the sweep it is the age in seconds from which a
    snapshot counts as rescued by it. `came_again` says that a process died with this doorbell in hand. `marks` are
    those of this process; without, each drain keeps its own.
    """

    sessions: sessionmaker[Session]
    batch_size: int
    size_cap: int
    appended: Callable[[int], None]
    rescue_after: float | None = None
    came_again: bool = False
    marks: Marks | None = None

    def dispatch(self, snapshot_ids: Sequence[UUID]) -> int:
        """Drain the lanes of these snapshots and return how many events were appended.

        Ids that are gone are no error: a doorbell may ring twice, and a lane's holder takes all that waits there.
        """
        with self.sessions() as session:
            lanes = lanes_of(session, snapshot_ids)
        if self.came_again:
            self._suspect(lanes)
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
        marks = self.marks or Marks(self.sessions)
        total = 0
        while (count := self._dispatch_batch(lane, marks)) is not None:
            total += count
            # A doorbell that found the lane taken went away. Its snapshot was committed before it rang, so a look
            # after the lock's release sees that snapshot: no wake-up is lost.
            with self.sessions() as session:
                if not has_claimable(session, lane):
                    break
        return total

    def _suspect(self, lanes: Sequence[int]) -> None:
        """Make suspects of the first batch of the first lane that has one: the dead process was probably there."""
        for lane in lanes:
            with self.sessions() as session, session.begin():
                if lock_lane(session, lane) is None:
                    continue
                snapshots = claim(session, lane, self.batch_size)
                suspect(session, snapshots)
            if snapshots:
                return

    def _dispatch_batch(self, lane: int, marks: Marks) -> int | None:
        """Dispatch the next batch; return the number of its events, or None when the lane is taken."""
        try:
            return self._transaction(lane, append_together, marks)
        except DBAPIError as error:
            if not is_refusal(error):
                raise
        # The database refused something in the batch: once more, event by event, to find out which.
        return self._transaction(lane, append_apart, marks)

    def _transaction(self, lane: int, append: Append, marks: Marks) -> int | None:
        # What an outage kept from being taken back must not be read as a death by the claim.
        marks.take_back()
        try:
            with self.sessions() as session, session.begin():
                now = lock_lane(session, lane)
                if now is None:
                    return None
                snapshots = claim(session, lane, self.batch_size)
                batch = self._work(session, snapshots, append, marks, now)
                record_failures(session, batch.failures, now)
            marks.forget([event.id for _, event in batch.built])
        finally:
            # The process lives, so what it had in hand and did not finish has not killed it.
            marks.take_back()
        if batch.position is not None:
            self.appended(batch.position)
        return len(batch.built)

    def _work(
        self, session: Session, snapshots: Sequence[SnapshotRow], append: Append, marks: Marks, now: datetime
    ) -> Batch:
        """Build and append these; what may kill this process is marked before, and what did so too often left."""
        if failures := deadly(snapshots):
            return Batch(failures=failures)
        if self.rescue_after is not None or any(snapshot.deaths for snapshot in snapshots):
            marks.put(snapshots)
        batch = build_batch(session, snapshots, self.size_cap)
        append(session, batch, self._rescued(snapshots, now))
        return batch

    def _rescued(self, snapshots: Sequence[SnapshotRow], now: datetime) -> set[UUID]:
        """Return the ids of those that nobody but the sweep rang for: old, and not waiting for a retry."""
        if self.rescue_after is None:
            return set()
        before = now - timedelta(seconds=self.rescue_after)
        retried = {snapshot.resource_id for snapshot in snapshots if snapshot.attempts}
        return {row.id for row in snapshots if row.captured < before and row.resource_id not in retried}
