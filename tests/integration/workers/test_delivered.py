"""A task says which events it has appended, by the names that the events have."""

from dataclasses import replace

from celery.utils.saferepr import saferepr

from app.models import SnapshotRow
from tests.integration.outbox_world import OutboxWorld
from tests.integration.parked_world import make_stuck, run
from workers.tasks import Delivered, Outcome


def delivered_by(world: OutboxWorld, **how: int) -> str:
    """Dispatch all pending snapshots, and return what the task says."""
    delivered = Delivered()
    replace(world.dispatcher(**how), tell=delivered.add).dispatch(world.pending_ids())
    return delivered.outcome().text


def test_it_names_the_flow_the_deployment_the_change_and_the_revision(outbox_world: OutboxWorld) -> None:
    (change,) = outbox_world.create("nightly")
    outbox_world.update(change, version="2")

    assert delivered_by(outbox_world) == "etl/nightly created r1, etl/nightly updated r2"


def test_it_counts_what_it_does_not_name_over_all_its_transactions(outbox_world: OutboxWorld) -> None:
    outbox_world.create(*(f"d{number}" for number in range(9)))

    said = delivered_by(outbox_world, batch_size=2)

    assert said.count(" created r1") == 5
    assert said.endswith(", and 4 more")


def test_a_doorbell_that_rings_twice_delivers_nothing(outbox_world: OutboxWorld) -> None:
    assert delivered_by(outbox_world) == "nothing waited"


def test_a_skipped_change_is_called_skipped(outbox_world: OutboxWorld) -> None:
    stuck: SnapshotRow = make_stuck(outbox_world)
    run("skip", stuck.id, "--reason", "odd")

    assert delivered_by(outbox_world).startswith("deployment:nightly skipped r2, etl/nightly updated r3")


def test_celery_shows_it_as_it_is() -> None:
    assert saferepr(Outcome("etl/nightly updated r6"), 1024) == "etl/nightly updated r6"
