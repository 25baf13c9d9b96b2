"""An operator's replay or skip against a worker's retry, and against another operator."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Engine, func, update
from sqlalchemy.orm import Session

from app.errors import Conflict
from app.models import SnapshotRow
from app.outbox.parked import replay, skip
from app.schemas.event import Event
from tests.integration.outbox_world import OutboxWorld
from tests.integration.races.blocking import Gate, wait_until_blocked, while_all_blocked
from workers import batch, build, dispatch
from workers.batch import Batch, dispatch_together
from workers.claimed import Claimed
from workers.failures import record_failures
from workers.retry import ATTEMPTS

REASON = "it cannot be mended"


@pytest.fixture
def poisoned(outbox_world: OutboxWorld, bug: Any) -> UUID:
    """The id of a due snapshot that is one failure short of being parked; another one waits behind it."""
    (change,) = outbox_world.create("nightly")
    outbox_world.update(change, version="2")
    almost = {"attempts": ATTEMPTS - 1, "error": "a bug", "next_attempt": func.clock_timestamp()}
    with outbox_world.sessions.begin() as session:
        session.execute(update(SnapshotRow).where(SnapshotRow.revision == 1).values(almost))
    id_: UUID = change.event_id
    return id_


@pytest.fixture
def parked(outbox_world: OutboxWorld, poisoned: UUID) -> UUID:
    """The id of the poisoned snapshot after it has been parked."""
    assert outbox_world.dispatch_all() == 0
    assert outbox_world.pending()[0].parked is not None
    return poisoned


@pytest.fixture
def bug(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """A bug that refuses every first revision until the event is set."""
    is_mended = threading.Event()

    def broken(snapshot: Claimed, *arguments: Any) -> Event:
        if snapshot.revision == 1 and not is_mended.is_set():
            raise ZeroDivisionError("a bug in a kind")
        return build.build(snapshot, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(batch, "build", broken)
        yield is_mended


def replay_in_transaction(world: OutboxWorld, snapshot_id: UUID | None) -> int:
    """Replay in a separate transaction, as the command does; return the number of snapshots."""
    with world.sessions.begin() as session:
        return len(replay(session, snapshot_id))


def test_a_replay_waits_for_a_worker_that_is_parking_the_snapshot(
    outbox_world: OutboxWorld, engine: Engine, poisoned: UUID, bug: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker has parked the snapshot but not committed; the replay waits, and then finds it parked."""
    gate = Gate()

    def record_then_wait(session: Session, *arguments: Any) -> None:
        record_failures(session, *arguments)
        gate.stop()

    with monkeypatch.context() as patch, ThreadPoolExecutor(2) as threads:
        patch.setattr(dispatch, "record_failures", record_then_wait)
        worker = threads.submit(outbox_world.dispatcher().dispatch, [poisoned])
        gate.await_arrival()
        operator = threads.submit(replay_in_transaction, outbox_world, poisoned)
        try:
            wait_until_blocked(engine, 1, [operator])
        finally:
            bug.set()
            gate.open()
        assert operator.result() == 1
    # The worker's last check may already have taken the replayed snapshot.
    assert worker.result() + outbox_world.dispatch_all() == 2
    assert list(outbox_world.ids_by_resource().values()) == [[1, 2]]


def test_a_worker_skips_a_snapshot_with_an_uncommitted_replay_and_dispatches_it_afterwards(
    outbox_world: OutboxWorld, parked: UUID, bug: threading.Event
) -> None:
    bug.set()
    with outbox_world.sessions() as session:
        replay(session, parked)
        assert outbox_world.dispatch_all() == 0
        session.commit()
    assert outbox_world.dispatch_all() == 2
    assert list(outbox_world.ids_by_resource().values()) == [[1, 2]]


def test_a_worker_dispatches_a_snapshot_that_is_replayed_while_it_holds_the_lane(
    outbox_world: OutboxWorld, parked: UUID, bug: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker has found no snapshot to take; at its next check the replayed one is there."""
    bug.set()
    gate = Gate()

    def dispatch_then_wait(session: Session, *arguments: Any) -> Batch:
        done = dispatch_together(session, *arguments)
        if not gate.opened.is_set():
            gate.stop()
        return done

    monkeypatch.setattr(dispatch, "dispatch_together", dispatch_then_wait)
    with ThreadPoolExecutor(1) as threads:
        worker = threads.submit(outbox_world.dispatcher().dispatch, [parked])
        gate.await_arrival()
        try:
            assert replay_in_transaction(outbox_world, parked) == 1
            # The sweep's doorbell finds the lane locked.
            assert outbox_world.dispatch_all() == 0
        finally:
            gate.open()
        assert worker.result() == 2
    assert list(outbox_world.ids_by_resource().values()) == [[1, 2]]


def test_of_a_concurrent_replay_and_skip_the_first_counts(
    outbox_world: OutboxWorld, engine: Engine, parked: UUID
) -> None:
    def replay_it() -> type[Exception] | int:
        try:
            return replay_in_transaction(outbox_world, parked)
        except Conflict as refusal:
            return type(refusal)

    with outbox_world.sessions() as session:
        skip(session, parked, REASON)
        with while_all_blocked(engine, replay_it) as (late,):
            session.commit()
    assert late.result() is Conflict
    assert outbox_world.dispatch_all() == 2
    assert [event.event for event in outbox_world.log()] == [
        "aftercommit.deployment.skipped",
        "prefect.deployment.updated",
    ]


def test_concurrent_replays_of_all_and_of_one_replay_each_snapshot_once(
    outbox_world: OutboxWorld, engine: Engine, parked: UUID, bug: threading.Event
) -> None:
    with outbox_world.sessions() as session:
        assert len(replay(session, parked)) == 1
        with while_all_blocked(engine, lambda: replay_in_transaction(outbox_world, None)) as (all_of_them,):
            session.commit()
    assert all_of_them.result() == 0
    bug.set()
    assert outbox_world.dispatch_all() == 2
