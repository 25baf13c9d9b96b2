"""Turns snapshots into events: drains their lanes, one transaction for each batch."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session, sessionmaker

from app.postgres.engine import looking
from app.telemetry import get_logger
from workers.batch import Batch, append_apart, append_together, build_batch
from workers.claim import claim, claimable, lanes_of, lock_lanes
from workers.claimed import Claimed
from workers.deaths import Marks, deadly, suspect
from workers.failures import record_failures
from workers.outage import is_absence, is_refusal

logger = get_logger(__name__)

TURN_SECONDS: Final = 10.0
"""How long one message is worked on while more comes in its lanes; then those of other lanes have their turn."""

Append = Callable[[Session, Batch, set[UUID]], None]


class SuspectFound(Exception):
    """A snapshot that may have killed a process waits in one of several lanes: only its own may be in hand with it."""


@dataclass(frozen=True, slots=True)
class Done:
    """What a transaction did: the lanes that it held, none when others have all of them, and how many events.

    `was_full` says that it took as many snapshots as it may.
    """

    lanes: Sequence[int]
    events: int
    was_full: bool = False


@dataclass(frozen=True, slots=True)
class Dispatcher:
    """Drains lanes. `appended` is called after each commit with the log's new last position.

    `rescue_after` is None for a doorbell of the API; for one of the sweep it is the age in seconds from which a
    snapshot counts as rescued by it. `came_again` says that a process died with this doorbell in hand. `marks` are
    those of this process; without, each drain keeps its own. `ring_again` is called with snapshots of the lanes that
    are not empty when the turn of this message is over; without, the turn has no end.
    """

    sessions: sessionmaker[Session]
    batch_size: int
    size_cap: int
    appended: Callable[[int], None]
    rescue_after: float | None = None
    came_again: bool = False
    marks: Marks | None = None
    ring_again: Callable[[Sequence[UUID]], None] | None = None

    def dispatch(self, snapshot_ids: Sequence[UUID]) -> int:
        """Drain the lanes of these snapshots and return how many events were appended.

        Ids that are gone are no error: a doorbell may ring twice, and a lane's holder takes all that waits there.
        Where nothing is suspect, the lanes share their transactions; what stops that is found one lane at a time.
        """
        until = time.monotonic() + TURN_SECONDS
        with looking(self.sessions) as session:
            lanes = lanes_of(session, snapshot_ids)
        if self.came_again:
            self._suspect(lanes)
        total, first_error = 0, None
        if len(lanes) > 1 and not self._is_careful:
            total, lanes = self._drain_together(lanes, until)
        for lane in lanes:
            try:
                total += self.drain(lane, until)
            except Exception as error:  # noqa: BLE001  # The other lanes of this message must not wait for this one.
                first_error = first_error or error
        if first_error is not None:
            raise first_error
        return total

    def drain(self, lane: int, until: float) -> int:
        """Dispatch what waits in the lane until nothing does, another worker has it, or that time is over."""
        marks = self.marks or Marks(self.sessions)
        total, lanes = 0, [lane]
        while lanes:
            done = self._dispatch_batch(lane, marks)
            total += done.events
            lanes = self._look_again(done, until)
        return total

    def _drain_together(self, lanes: list[int], until: float) -> tuple[int, list[int]]:
        """Drain the lanes, each batch of all of them; return the events, and the lanes to drain one by one instead."""
        marks = self.marks or Marks(self.sessions)
        total = 0
        while lanes:
            try:
                done = self._transaction(lanes, append_together, marks)
            except Exception as error:
                if is_absence(error):
                    raise
                logger.info("lanes_one_by_one", lanes=len(lanes), reason=type(error).__name__)
                return total, lanes
            total += done.events
            lanes = self._look_again(done, until)
        return total, []

    def _look_again(self, done: Done, until: float) -> list[int]:
        """Return the lanes in which there is more; when the time is over, ring for them and return none.

        A doorbell that found a lane taken went away. Its snapshot was committed before it rang, so a look after the
        lock's release sees that snapshot: no wake-up is lost. After a full batch the next claim is that look.
        """
        ring_again = self.ring_again if time.monotonic() >= until else None
        if not done.lanes or (done.was_full and ring_again is None):
            return [*done.lanes]
        with looking(self.sessions) as session:
            more = claimable(session, done.lanes)
        if ring_again is not None and more:
            ring_again([*more.values()])
            return []
        return [*more]

    @property
    def _is_careful(self) -> bool:
        """Whether a process may have died of what this doorbell rings for."""
        return self.came_again or self.rescue_after is not None

    def _suspect(self, lanes: Sequence[int]) -> None:
        """Make suspects of the first batch of each lane: the dead process may have had all of them in hand together."""
        for lane in lanes:
            with self.sessions() as session, session.begin():
                held, _ = lock_lanes(session, [lane])
                if held:
                    suspect(session, claim(session, held, self.batch_size))

    def _dispatch_batch(self, lane: int, marks: Marks) -> Done:
        """Dispatch the next batch of one lane."""
        try:
            return self._transaction([lane], append_together, marks)
        except DBAPIError as error:
            if not is_refusal(error):
                raise
        # The database refused something in the batch: once more, event by event, to find out which.
        return self._transaction([lane], append_apart, marks)

    def _transaction(self, lanes: Sequence[int], append: Append, marks: Marks) -> Done:
        # What an outage kept from being taken back must not be read as a death by the claim.
        marks.take_back()
        try:
            with self.sessions() as session, session.begin():
                held, now = lock_lanes(session, lanes)
                if not held:
                    return Done([], 0)
                snapshots = claim(session, held, self.batch_size)
                if len(lanes) > 1 and any(snapshot.deaths for snapshot in snapshots):
                    raise SuspectFound
                batch = self._work(session, snapshots, append, marks, now)
                record_failures(session, batch.failures, now)
            marks.forget([event.id for _, event in batch.built])
        finally:
            # The process lives, so what it had in hand and did not finish has not killed it.
            marks.take_back()
        if batch.position is not None:
            self.appended(batch.position)
        return Done(held, len(batch.built), was_full=len(snapshots) >= self.batch_size)

    def _work(
        self, session: Session, snapshots: Sequence[Claimed], append: Append, marks: Marks, now: datetime
    ) -> Batch:
        """Build and append these; what may kill this process is marked before, and what did so too often left."""
        if failures := deadly(snapshots):
            return Batch(failures=failures)
        if self.rescue_after is not None or any(snapshot.deaths for snapshot in snapshots):
            marks.put(snapshots)
        batch = build_batch(session, snapshots, self.size_cap)
        append(session, batch, self._rescued(snapshots, now))
        return batch

    def _rescued(self, snapshots: Sequence[Claimed], now: datetime) -> set[UUID]:
        """Return the ids of those that nobody but the sweep rang for: old, and not waiting for a retry."""
        if self.rescue_after is None:
            return set()
        before = now - timedelta(seconds=self.rescue_after)
        retried = {snapshot.resource_id for snapshot in snapshots if snapshot.attempts}
        return {row.id for row in snapshots if row.captured < before and row.resource_id not in retried}
