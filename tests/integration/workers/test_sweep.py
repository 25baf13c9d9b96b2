"""The sweep rings for snapshots whose doorbell was lost."""

import pytest
from sqlalchemy import text, update

from app.broker import doorbells as broker
from app.broker.contract import SWEEP
from app.models import LANES, SnapshotRow
from app.settings import Settings
from tests.integration.outbox_world import OutboxWorld
from workers.sweep import MIN_DOORBELLS, Waiting, sweep


def age_snapshots(world: OutboxWorld, seconds: int = 60) -> None:
    """Make all pending snapshots older."""
    with world.sessions() as session:
        session.execute(update(SnapshotRow).values(captured=text(f"now() - interval '{seconds} seconds'")))
        session.commit()


def run_task(settings: Settings) -> None:
    """Run the sweep task as beat does."""
    assert broker.celery(settings).signature(SWEEP).apply_async().successful()


def run_sweep(world: OutboxWorld, grace: float = 3.0, queued: int = 0) -> list[Waiting]:
    rung: list[Waiting] = []
    with world.sessions() as session:
        assert sweep(session, grace, rung.append, queued) == len(rung)
    return rung


def test_a_recent_snapshot_is_left_to_its_own_doorbell(outbox_world: OutboxWorld) -> None:
    outbox_world.create("nightly")
    assert run_sweep(outbox_world) == []


def test_the_sweep_rings_for_the_first_snapshot_of_a_lane_that_has_waited_too_long(outbox_world: OutboxWorld) -> None:
    (change,) = outbox_world.create("nightly")
    outbox_world.update(change, version="2")
    age_snapshots(outbox_world)
    (waiting,) = run_sweep(outbox_world)
    assert waiting.snapshot_id == change.event_id
    assert waiting.lane == change.row["id"].int % LANES
    assert waiting.label == f"lane {waiting.lane}: deployment:nightly created r1"


def test_a_snapshot_with_a_future_capture_time_is_rung_for(outbox_world: OutboxWorld) -> None:
    (change,) = outbox_world.create("nightly")
    age_snapshots(outbox_world, -3600)
    assert [waiting.snapshot_id for waiting in run_sweep(outbox_world)] == [change.event_id]


def test_a_backlog_of_any_size_gets_one_doorbell_per_lane(outbox_world: OutboxWorld) -> None:
    outbox_world.create(*(f"n{number}" for number in range(300)))
    age_snapshots(outbox_world)
    lanes = [waiting.lane for waiting in run_sweep(outbox_world)]
    assert len(lanes) == len(set(lanes)) == len({row.lane for row in outbox_world.pending()})


@pytest.mark.parametrize(("queued", "rung"), [(0, 64), (40, 24), (63, MIN_DOORBELLS), (5000, MIN_DOORBELLS)])
def test_the_sweep_adds_fewer_doorbells_to_a_longer_queue(queued: int, rung: int, outbox_world: OutboxWorld) -> None:
    outbox_world.create(*(f"n{number}" for number in range(LANES)))
    with outbox_world.sessions() as session:
        session.execute(text("UPDATE snapshot SET lane = (sequence - 1) % 64"))
        session.commit()
    age_snapshots(outbox_world)
    lanes = {waiting.lane for waiting in run_sweep(outbox_world, queued=queued)}
    assert len(lanes) == rung


def test_with_a_long_queue_each_lane_is_rung_for_in_time(outbox_world: OutboxWorld) -> None:
    outbox_world.create(*(f"n{number}" for number in range(100)))
    age_snapshots(outbox_world)
    waiting = {row.lane for row in outbox_world.pending()}
    rung: set[int] = set()
    # The chance that 400 sweeps of four lanes miss a given one of 64 lanes is one in a hundred billion.
    for _ in range(400):
        rung |= {lane.lane for lane in run_sweep(outbox_world, queued=5000)}
    assert rung == waiting


@pytest.mark.parametrize("state", ["parked = now(), next_attempt = NULL", "next_attempt = now() + interval '1 hour'"])
def test_a_parked_or_not_yet_due_snapshot_and_those_behind_it_are_not_rung_for(
    state: str, outbox_world: OutboxWorld
) -> None:
    (change,) = outbox_world.create("nightly")
    outbox_world.update(change, version="2")
    age_snapshots(outbox_world)
    with outbox_world.sessions() as session:
        session.execute(text(f"UPDATE snapshot SET attempts = 1, error = 'x', {state} WHERE revision = 1"))
        session.commit()
    assert run_sweep(outbox_world) == []


def test_a_retry_that_is_due_is_rung_for(outbox_world: OutboxWorld) -> None:
    outbox_world.create("nightly")
    age_snapshots(outbox_world)
    with outbox_world.sessions() as session:
        session.execute(text("UPDATE snapshot SET attempts = 1, error = 'x', next_attempt = now()"))
        session.commit()
    assert len(run_sweep(outbox_world)) == 1


def test_only_one_of_two_overlapping_sweeps_rings(outbox_world: OutboxWorld) -> None:
    outbox_world.create("nightly")
    age_snapshots(outbox_world)
    inner: list[list[Waiting]] = []
    with outbox_world.sessions() as session:
        assert sweep(session, 3.0, lambda _: inner.append(run_sweep(outbox_world))) == 1
    assert inner == [[]]
    assert len(run_sweep(outbox_world)) == 1


def test_a_snapshot_with_a_lost_doorbell_is_dispatched_and_counts_as_rescued(
    outbox_world: OutboxWorld, settings: Settings
) -> None:
    outbox_world.create("lost")
    age_snapshots(outbox_world)
    outbox_world.create("young")
    run_task(settings)
    assert [event.revision for event in outbox_world.log()] == [1]
    assert outbox_world.head().rescued == 1
    outbox_world.dispatch_all()
    assert outbox_world.head().rescued == 1
    assert len(outbox_world.log()) == 2


def test_a_sweep_of_an_empty_outbox_rings_nothing(outbox_world: OutboxWorld, settings: Settings) -> None:
    run_task(settings)
    assert outbox_world.log() == []


def test_a_retry_does_not_count_as_rescued(outbox_world: OutboxWorld, settings: Settings) -> None:
    (change,) = outbox_world.create("nightly")
    outbox_world.update(change, version="2")
    age_snapshots(outbox_world)
    with outbox_world.sessions() as session:
        session.execute(text("UPDATE snapshot SET attempts = 1, error = 'x', next_attempt = now() WHERE revision = 1"))
        session.commit()
    run_task(settings)
    assert len(outbox_world.log()) == 2
    assert outbox_world.head().rescued == 0
