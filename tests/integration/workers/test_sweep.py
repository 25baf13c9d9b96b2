"""The sweep rings for snapshots whose doorbell was lost."""

import pytest
from sqlalchemy import text, update

from app.broker import doorbells as broker
from app.broker.contract import SWEEP
from app.models import LANES, SnapshotRow
from app.settings import Settings
from tests.integration.outbox_world import OutboxWorld
from workers.sweep import MIN_DOORBELLS, Waiting, sweep


def age(world: OutboxWorld, seconds: int = 60) -> None:
    """Make all pending snapshots older."""
    with world.sessions() as session:
        session.execute(update(SnapshotRow).values(captured=text(f"now() - interval '{seconds} seconds'")))
        session.commit()


def run_task(settings: Settings) -> None:
    """Run the sweep task as beat does."""
    assert broker.celery(settings).signature(SWEEP).apply_async().successful()


def swept(world: OutboxWorld, grace: float = 3.0, queued: int = 0) -> list[Waiting]:
    rung: list[Waiting] = []
    with world.sessions() as session:
        assert sweep(session, grace, rung.append, queued) == len(rung)
    return rung


def test_what_is_young_is_left_to_its_own_doorbell(outbox_world: OutboxWorld) -> None:
    outbox_world.create("nightly")
    assert swept(outbox_world) == []


def test_what_waits_too_long_is_rung_for_by_its_first_snapshot(outbox_world: OutboxWorld) -> None:
    (change,) = outbox_world.create("nightly")
    outbox_world.update(change, version="2")
    age(outbox_world)
    (waiting,) = swept(outbox_world)
    assert waiting.snapshot_id == change.event_id
    assert waiting.lane == change.row["id"].int % LANES
    assert waiting.label == f"lane {waiting.lane}: deployment:nightly created r1"


def test_what_was_captured_before_the_clock_was_put_back_is_rung_for(outbox_world: OutboxWorld) -> None:
    (change,) = outbox_world.create("nightly")
    age(outbox_world, -3600)
    assert [waiting.snapshot_id for waiting in swept(outbox_world)] == [change.event_id]


def test_a_backlog_of_any_size_costs_one_doorbell_a_lane(outbox_world: OutboxWorld) -> None:
    outbox_world.create(*(f"n{number}" for number in range(300)))
    age(outbox_world)
    lanes = [waiting.lane for waiting in swept(outbox_world)]
    assert len(lanes) == len(set(lanes)) == len({row.lane for row in outbox_world.pending()})


@pytest.mark.parametrize(("queued", "rung"), [(0, 64), (40, 24), (63, MIN_DOORBELLS), (5000, MIN_DOORBELLS)])
def test_the_longer_the_queue_of_doorbells_the_fewer_are_added(
    queued: int, rung: int, outbox_world: OutboxWorld
) -> None:
    outbox_world.create(*(f"n{number}" for number in range(LANES)))
    with outbox_world.sessions() as session:
        session.execute(text("UPDATE snapshot SET lane = (sequence - 1) % 64"))
        session.commit()
    age(outbox_world)
    lanes = {waiting.lane for waiting in swept(outbox_world, queued=queued)}
    assert len(lanes) == rung


def test_every_lane_has_its_turn_while_the_queue_is_long(outbox_world: OutboxWorld) -> None:
    outbox_world.create(*(f"n{number}" for number in range(100)))
    age(outbox_world)
    waiting = {row.lane for row in outbox_world.pending()}
    rung: set[int] = set()
    # The chance that 400 sweeps of four lanes miss a given one of 64 lanes is one in a hundred billion.
    for _ in range(400):
        rung |= {lane.lane for lane in swept(outbox_world, queued=5000)}
    assert rung == waiting


@pytest.mark.parametrize("state", ["parked = now(), next_attempt = NULL", "next_attempt = now() + interval '1 hour'"])
def test_what_is_parked_or_not_due_is_not_rung_for_nor_what_stands_behind_it(
    state: str, outbox_world: OutboxWorld
) -> None:
    (change,) = outbox_world.create("nightly")
    outbox_world.update(change, version="2")
    age(outbox_world)
    with outbox_world.sessions() as session:
        session.execute(text(f"UPDATE snapshot SET attempts = 1, error = 'x', {state} WHERE revision = 1"))
        session.commit()
    assert swept(outbox_world) == []


def test_a_retry_that_is_due_is_rung_for(outbox_world: OutboxWorld) -> None:
    outbox_world.create("nightly")
    age(outbox_world)
    with outbox_world.sessions() as session:
        session.execute(text("UPDATE snapshot SET attempts = 1, error = 'x', next_attempt = now()"))
        session.commit()
    assert len(swept(outbox_world)) == 1


def test_one_sweep_at_a_time_rings(outbox_world: OutboxWorld) -> None:
    outbox_world.create("nightly")
    age(outbox_world)
    inner: list[list[Waiting]] = []
    with outbox_world.sessions() as session:
        assert sweep(session, 3.0, lambda _: inner.append(swept(outbox_world))) == 1
    assert inner == [[]]
    assert len(swept(outbox_world)) == 1


def test_a_lost_doorbell_is_made_good_and_the_event_counts_as_rescued(
    outbox_world: OutboxWorld, settings: Settings
) -> None:
    outbox_world.create("lost")
    age(outbox_world)
    outbox_world.create("young")
    run_task(settings)
    assert [event.revision for event in outbox_world.log()] == [1]
    assert outbox_world.head().rescued == 1
    outbox_world.dispatch_all()
    assert outbox_world.head().rescued == 1
    assert len(outbox_world.log()) == 2


def test_a_sweep_over_nothing_rings_nothing(outbox_world: OutboxWorld, settings: Settings) -> None:
    run_task(settings)
    assert outbox_world.log() == []


def test_a_retry_counts_as_nobodys_rescue(outbox_world: OutboxWorld, settings: Settings) -> None:
    (change,) = outbox_world.create("nightly")
    outbox_world.update(change, version="2")
    age(outbox_world)
    with outbox_world.sessions() as session:
        session.execute(text("UPDATE snapshot SET attempts = 1, error = 'x', next_attempt = now() WHERE revision = 1"))
        session.commit()
    run_task(settings)
    assert len(outbox_world.log()) == 2
    assert outbox_world.head().rescued == 0
