"""Different failures in one batch: each stops only its own resource, at its own revision."""

from typing import Any

import pytest
from sqlalchemy import text

from app.schemas.event import Event
from tests.integration.outbox_world import OutboxWorld
from tests.integration.workers.test_failed_snapshots import put_in_one_lane
from workers import batch, build
from workers.claimed import Claimed

REFUSED = "\0"
"""No text column of PostgreSQL takes this."""


def make_fail(monkeypatch: pytest.MonkeyPatch, *, unbuildable: tuple[str, int], refused: tuple[str, int]) -> None:
    """Make one revision of a deployment fail to build, and have the database refuse another one."""

    def broken(snapshot: Claimed, *arguments: Any) -> Event:
        if (snapshot.name, snapshot.revision) == unbuildable:
            raise ZeroDivisionError("a bug in a kind")
        event = build.build(snapshot, *arguments)
        is_refused = (snapshot.name, snapshot.revision) == refused
        return event.model_copy(update={"event": REFUSED}) if is_refused else event

    monkeypatch.setattr(batch, "build", broken)


def three_revisions(world: OutboxWorld) -> None:
    """Make a deployment with three pending changes."""
    (change,) = world.create("nightly")
    world.update(change, version="1")
    world.update(change, version="2")


def failed_and_waiting(world: OutboxWorld) -> list[tuple[str, int, int]]:
    """Return the name, revision and attempts of the pending snapshots."""
    return sorted((row.name, row.revision, row.attempts) for row in world.pending())


def test_earlier_revisions_of_an_unbuildable_snapshot_are_dispatched_beside_a_refused_one(
    outbox_world: OutboxWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    three_revisions(outbox_world)
    outbox_world.create("refused")
    put_in_one_lane(outbox_world)
    make_fail(monkeypatch, unbuildable=("nightly", 3), refused=("refused", 1))
    assert outbox_world.dispatch_all() == 2
    assert failed_and_waiting(outbox_world) == [("nightly", 3, 1), ("refused", 1, 1)]


def test_a_snapshot_behind_a_refused_one_of_its_resource_is_not_tried(
    outbox_world: OutboxWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    three_revisions(outbox_world)
    make_fail(monkeypatch, unbuildable=("nightly", 3), refused=("nightly", 2))
    assert outbox_world.dispatch_all() == 1
    assert failed_and_waiting(outbox_world) == [("nightly", 2, 1), ("nightly", 3, 0)]


def test_a_number_that_python_cannot_read_blocks_only_its_own_resource(outbox_world: OutboxWorld) -> None:
    outbox_world.create("odd", "healthy")
    put_in_one_lane(outbox_world)
    with outbox_world.sessions() as session:
        session.execute(
            text("UPDATE snapshot SET after = jsonb_build_object('version', 10::numeric ^ 5000) WHERE name = 'odd'")
        )
        session.commit()
    assert outbox_world.dispatch_all() == 1
    assert failed_and_waiting(outbox_world) == [("odd", 1, 1)]
