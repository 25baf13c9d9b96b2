"""The result of a task lists the events that it has appended, by their names."""

from dataclasses import replace

from celery.utils.saferepr import saferepr

from app.models import SnapshotRow
from tests.integration.outbox_world import OutboxWorld
from tests.integration.parked_world import make_parked, run
from workers.tasks import Delivered, Outcome


def delivered_by(world: OutboxWorld, **how: int) -> str:
    """Dispatch all pending snapshots, and return the result of the task."""
    delivered = Delivered()
    replace(world.dispatcher(**how), tell=delivered.add).dispatch(world.pending_ids())
    return delivered.outcome().text


def test_the_result_names_the_flow_the_deployment_the_change_and_the_revision(outbox_world: OutboxWorld) -> None:
    (change,) = outbox_world.create("nightly")
    outbox_world.update(change, version="2")

    assert delivered_by(outbox_world) == "etl/nightly created r1, etl/nightly updated r2"


def test_changes_beyond_the_limit_are_counted_over_all_transactions(outbox_world: OutboxWorld) -> None:
    outbox_world.create(*(f"d{number}" for number in range(9)))

    result = delivered_by(outbox_world, batch_size=2)

    assert result.count(" created r1") == 5
    assert result.endswith(", and 4 more")


def test_a_repeated_doorbell_delivers_nothing(outbox_world: OutboxWorld) -> None:
    assert delivered_by(outbox_world) == "nothing waited"


def test_a_skipped_change_is_called_skipped(outbox_world: OutboxWorld) -> None:
    stuck: SnapshotRow = make_parked(outbox_world)
    run("skip", stuck.id, "--reason", "odd")

    assert delivered_by(outbox_world).startswith("deployment:nightly skipped r2, etl/nightly updated r3")


def test_celery_shows_the_result_unchanged() -> None:
    assert saferepr(Outcome("etl/nightly updated r6"), 1024) == "etl/nightly updated r6"
