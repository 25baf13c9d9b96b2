"""The product under test: its database, its doorbells in a list, and the points where its workers may fail."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Engine, func, select, update
from sqlalchemy.orm import Session, sessionmaker

from app.broker import doorbells as broker
from app.broker.doorbell import Doorbell
from app.capture import snapshot as capturing
from app.crud.work_pools import polls
from app.log.append import append
from app.models import Deployment, Flow, PoolWorker, SnapshotRow, WorkPool, WorkQueue
from app.schemas.event import Event
from app.settings import Settings
from tests.databases import SharedDatabase
from tests.integration.model.endings import Crash, cut
from tests.integration.model.histories import ATTEMPTS, lane_of, lanes
from workers import batch, build, dispatch, retry
from workers.batch import dispatch_apart, dispatch_together
from workers.claimed import Claimed
from workers.dispatch import Dispatcher, Done
from workers.readiness import refresh_all_statuses
from workers.sweep import Waiting, sweep

LONG_DELAY = 3600.0
"""Seconds: a retry is due when the test says so."""

LONG_SILENCE = timedelta(hours=1)
"""Who was not heard for so long is not there any more."""

Poison = tuple[UUID, int]
"""A resource and a revision of it whose event cannot be built, or is refused by the database."""

FAILURE_POINTS = (
    "before the append",
    "after the append",
    "after the deletion",
    "cut before the commit",
    "after the commit",
)
"""Where a worker may fail."""


@dataclass
class World:
    """A database that all runs of the state machine use in turn."""

    sessions: sessionmaker[Session]
    engine: Engine
    settings: Settings
    shared: SharedDatabase
    rung: list[Doorbell] = field(default_factory=list)
    poison: dict[Poison, str] = field(default_factory=dict)
    crash_at_ring: bool = False
    fail_at: str | None = None

    def begin(self) -> None:
        """Reset everything."""
        self.shared.empty()
        self.rung.clear()
        self.poison.clear()
        lanes.clear()
        self.crash_at_ring, self.fail_at = False, None

    def install(self, patch: pytest.MonkeyPatch) -> None:
        """Replace the broker by a list, and add failure points to the workers' code."""
        patch.setattr(broker, "send", self._take)
        patch.setattr(capturing, "lane_of", lane_of)
        patch.setattr(polls, "POLL_RESOLUTION", timedelta(0))
        patch.setattr(retry, "ATTEMPTS", ATTEMPTS)
        patch.setattr(retry, "FIRST_DELAY_SECONDS", LONG_DELAY)
        patch.setattr(retry, "LONGEST_DELAY_SECONDS", LONG_DELAY)
        patch.setattr(batch, "build", self._build)
        patch.setattr(batch, "append", self._around(append, FAILURE_POINTS[0], FAILURE_POINTS[1]))
        patch.setattr(batch, "_delete", self._around(batch._delete, None, FAILURE_POINTS[2]))
        patch.setattr(dispatch, "dispatch_together", self._around(dispatch_together, None, FAILURE_POINTS[3]))
        patch.setattr(dispatch, "dispatch_apart", self._around(dispatch_apart, None, FAILURE_POINTS[3]))
        patch.setattr(dispatch, "Done", self._done)

    def dispatch(
        self, ids: Sequence[UUID], batch_size: int, *, swept: bool = False, was_redelivered: bool = False
    ) -> int:
        """Dispatch these ids as a worker does for a message."""
        dispatcher = Dispatcher(
            sessions=self.sessions,
            batch_size=batch_size,
            size_cap=self.settings.event_size_cap,
            rescue_after=0.0 if swept else None,
            was_redelivered=was_redelivered,
        )
        return dispatcher.dispatch(ids)

    def sweep(self) -> list[Waiting]:
        """Run the sweep, and return what it rings for."""
        found: list[Waiting] = []
        with self.sessions.begin() as session:
            assert sweep(session, 0, found.append) == len(found)
        return found

    def stop_polls(self, flows: Sequence[str], pools: Sequence[str]) -> None:
        """Make all polls and heartbeats old: those of these pools, and of the deployments of these flows."""
        of_pools = select(WorkPool.id).where(WorkPool.name.in_(pools))
        of_flows = select(Flow.id).where(Flow.name.in_(flows))
        old = update(PoolWorker).values(online_until=func.clock_timestamp() - LONG_SILENCE)
        with self.sessions.begin() as session:
            session.execute(old.where(PoolWorker.work_pool_id.in_(of_pools)))
            session.execute(update(WorkQueue).values(last_polled=None).where(WorkQueue.work_pool_id.in_(of_pools)))
            session.execute(update(Deployment).values(last_polled=None).where(Deployment.flow_id.in_(of_flows)))

    def run_readiness_task(self) -> int:
        """Run the readiness task that beat runs every few seconds; return how many statuses changed."""
        return refresh_all_statuses(self.sessions)

    def make_due(self) -> None:
        """Make every retry due."""
        waits = SnapshotRow.next_attempt.is_not(None)
        with self.sessions.begin() as session:
            session.execute(update(SnapshotRow).where(waits).values(next_attempt=func.clock_timestamp()))

    def _take(self, _settings: Settings, doorbells: Sequence[Doorbell]) -> None:
        if self.crash_at_ring:
            self.crash_at_ring = False
            raise Crash
        self.rung.extend(doorbells)

    def _done(self, *arguments: Any, **named: Any) -> Done:
        self._fail_if(FAILURE_POINTS[4])
        return Done(*arguments, **named)

    def _build(self, snapshot: Claimed, *arguments: Any) -> Event:
        poison = self.poison.get((snapshot.resource_id, snapshot.revision))
        if poison == "bug":
            raise ZeroDivisionError("a bug in a kind")
        event = build.build(snapshot, *arguments)
        # PostgreSQL refuses NUL in a text.
        return event.model_copy(update={"event": "\0"}) if poison == "refused" else event

    def _around(self, real: Callable[..., Any], before: str | None, after: str) -> Callable[..., Any]:
        def failing(session: Session, *arguments: Any, **named: Any) -> Any:
            self._fail_if(before, session)
            result = real(session, *arguments, **named)
            self._fail_if(after, session)
            return result

        return failing

    def _fail_if(self, place: str | None, session: Session | None = None) -> None:
        """Fail once, if this is the chosen place: lose the connection, or crash the process."""
        if place is None or place != self.fail_at:
            return
        self.fail_at = None
        if place == FAILURE_POINTS[3] and session is not None:
            cut(session, self.engine)
            return
        if session is not None:
            session.invalidate()
        raise Crash
