"""Turns snapshots into events: drains their lanes, one transaction for each batch."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy.orm import Session, sessionmaker

from app.postgres.engine import autocommit_session
from app.postgres.refusals import is_absence
from app.schemas.event import Event
from app.telemetry import get_logger
from workers.batch import Batch, dispatch_apart, dispatch_together
from workers.claim import claim, claimable, lanes_of, lock_lanes
from workers.claimed import Claimed
from workers.deaths import Marks, deadly, suspect
from workers.failures import record_failures

logger = get_logger(__name__)

TURN_SECONDS: Final = 10.0
"""How long one message is worked on while more snapshots arrive in its lanes; then other messages have their turn."""

Process = Callable[[Session, Sequence[Claimed], int, set[UUID]], Batch]
"""Dispatches claimed snapshots. Its last arguments: `size_cap`, and the ids of snapshots that only the sweep found."""


class SuspectFound(Exception):
    """A snapshot with a death mark waits in one of several lanes, so the lanes must be drained one by one."""


@dataclass(frozen=True, slots=True)
class Done:
    """The result of a transaction: the lanes that it held (none if others hold them all) and its number of events.

    `was_full` is true if it took as many snapshots as allowed.
    """

    lanes: Sequence[int]
    events: int
    was_full: bool = False


@dataclass(frozen=True, slots=True)
class Dispatcher:
    """Drains lanes.

    Args:
        sessions: the database.
        batch_size: the most snapshots in one transaction.
        size_cap: the limit for the payload of an event, in bytes.
        rescue_after: for a doorbell of the sweep, the age in seconds from which a snapshot counts as rescued by it;
            None for a doorbell of the API.
        was_redelivered: whether a process died while it handled this doorbell.
        marks: the death marks of this process; None gives each drain its own.
        ring_again: called with snapshots of the lanes that are not empty when the turn of this message is over; None
            gives it a turn without an end.
        tell: called after each commit with the snapshots and events of its transaction.
    """

    sessions: sessionmaker[Session]
    batch_size: int
    size_cap: int
    rescue_after: float | None = None
    was_redelivered: bool = False
    marks: Marks | None = None
    ring_again: Callable[[Sequence[UUID]], None] | None = None
    tell: Callable[[Sequence[tuple[Claimed, Event]]], None] = lambda _built: None

    def dispatch(self, snapshot_ids: Sequence[UUID]) -> int:
        """Drain the lanes of these snapshots and return how many events were appended.

        Ids without a snapshot are no error: a doorbell may ring twice, and the holder of a lane takes everything that
        waits there. The lanes share their transactions until something goes wrong, then they are drained one by one.
        """
        deadline = time.monotonic() + TURN_SECONDS
        with autocommit_session(self.sessions) as session:
            lanes = lanes_of(session, snapshot_ids)
        if self.was_redelivered:
            self._suspect(lanes)
        total, first_error = 0, None
        if len(lanes) > 1 and not self._is_careful:
            total, lanes = self._drain_together(lanes, deadline)
        for lane in lanes:
            try:
                total += self.drain(lane, deadline)
            except Exception as error:  # noqa: BLE001  # An error in this lane must not stop the other lanes.
                first_error = first_error or error
        if first_error is not None:
            raise first_error
        return total

    def drain(self, lane: int, deadline: float) -> int:
        """Dispatch the lane's snapshots until none is left, another worker holds the lane, or the deadline is over."""
        marks = self.marks or Marks(self.sessions)
        total, lanes = 0, [lane]
        while lanes:
            done = self._dispatch_batch(lane, marks)
            total += done.events
            lanes = self._lanes_to_go_on_with(done, deadline)
        return total

    def _drain_together(self, lanes: list[int], deadline: float) -> tuple[int, list[int]]:
        """Drain all lanes in shared batches; return the number of events, and the lanes to drain one by one instead."""
        marks = self.marks or Marks(self.sessions)
        total = 0
        while lanes:
            try:
                done = self._transaction(lanes, dispatch_together, marks)
            except Exception as error:
                if is_absence(error):
                    raise
                logger.info("lanes_one_by_one", lanes=len(lanes), reason=type(error).__name__)
                return total, lanes
            total += done.events
            lanes = self._lanes_to_go_on_with(done, deadline)
        return total, []

    def _lanes_to_go_on_with(self, done: Done, deadline: float) -> list[int]:
        """Return the lanes that hold more snapshots; after the deadline, ring for them and return none.

        A worker that finds a lane locked drops its doorbell. That snapshot was committed before the doorbell rang, so
        a query after the release of the lock sees it and nothing is forgotten. After a full batch, the next claim is
        that query.
        """
        ring_again = self.ring_again if time.monotonic() >= deadline else None
        if not done.lanes or (done.was_full and ring_again is None):
            return [*done.lanes]
        with autocommit_session(self.sessions) as session:
            more = claimable(session, done.lanes)
        if ring_again is not None and more:
            ring_again([*more.values()])
            return []
        return [*more]

    @property
    def _is_careful(self) -> bool:
        """Return whether snapshots of this doorbell may have killed a worker."""
        return self.was_redelivered or self.rescue_after is not None

    def _suspect(self, lanes: Sequence[int]) -> None:
        """Mark the first batch of each lane: the process that died may have worked on all of them together."""
        for lane in lanes:
            with self.sessions() as session, session.begin():
                held, _ = lock_lanes(session, [lane])
                if held:
                    suspect(session, claim(session, held, self.batch_size))

    def _dispatch_batch(self, lane: int, marks: Marks) -> Done:
        """Dispatch the next batch of one lane."""
        try:
            return self._transaction([lane], dispatch_together, marks)
        except Exception as error:
            if is_absence(error):
                raise
            logger.info("snapshots_one_by_one", lane=lane, reason=type(error).__name__)
        return self._transaction([lane], dispatch_apart, marks)

    def _transaction(self, lanes: Sequence[int], process: Process, marks: Marks) -> Done:
        # Marks that an outage left behind must not count as deaths in the claim.
        marks.remove()
        try:
            with self.sessions() as session, session.begin():
                held, now = lock_lanes(session, lanes)
                if not held:
                    return Done([], 0)
                snapshots = claim(session, held, self.batch_size)
                if len(lanes) > 1 and any(snapshot.deaths for snapshot in snapshots):
                    raise SuspectFound
                batch = self._work(session, snapshots, process, marks, now)
                if batch.failures:
                    record_failures(session, batch.failures, now)
            marks.forget([event.id for _, event in batch.built])
        finally:
            # This process is alive, so the snapshots that it did not finish have not killed it.
            marks.remove()
        self.tell(batch.built)
        return Done(held, len(batch.built), was_full=len(snapshots) >= self.batch_size)

    def _work(
        self, session: Session, snapshots: Sequence[Claimed], process: Process, marks: Marks, now: datetime
    ) -> Batch:
        """Process these snapshots; set marks before when one of them may kill this process."""
        if failures := deadly(snapshots):
            return Batch(failures=failures)
        if self.rescue_after is not None or any(snapshot.deaths for snapshot in snapshots):
            marks.set(snapshots)
        return process(session, snapshots, self.size_cap, self._rescued(snapshots, now))

    def _rescued(self, snapshots: Sequence[Claimed], now: datetime) -> set[UUID]:
        """Return the ids of the snapshots that only the sweep found: old ones that do not wait for a retry."""
        if self.rescue_after is None:
            return set()
        before = now - timedelta(seconds=self.rescue_after)
        retried = {snapshot.resource_id for snapshot in snapshots if snapshot.attempts}
        return {row.id for row in snapshots if row.captured < before and row.resource_id not in retried}
