"""A snapshot that kills its worker is parked at the third death, and the others are dispatched."""

from typing import Any

import pytest
from sqlalchemy import text

from app.schemas.event import Event
from tests.integration.outbox_world import OutboxWorld
from tests.integration.workers.deadly_world import (
    DEADLY,
    Killed,
    create_with_neighbours,
    handle_doorbell,
    remaining_snapshots,
)
from workers import batch, build, claim
from workers.claimed import Claimed
from workers.dispatch import Dispatcher

ERROR = "The worker process died three times while it had this snapshot in hand."
PARKED_AND_WAITING = [(DEADLY, 2, 1, 3), (DEADLY, 3, 0, 2)]
"""The one behind was in hand as well at two deaths, and is a suspect until its turn comes."""


@pytest.fixture
def kills(outbox_world: OutboxWorld, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Kill every worker that builds revision 2 of the deadly deployment; record the name at each kill."""
    killed: list[str] = []

    def deadly(snapshot: Claimed, *arguments: Any) -> Event:
        if snapshot.name == DEADLY and snapshot.revision == 2:
            killed.append(snapshot.name)
            raise Killed
        return build.build(snapshot, *arguments)

    monkeypatch.setattr(batch, "build", deadly)
    return killed


@pytest.fixture
def neighbours(outbox_world: OutboxWorld) -> OutboxWorld:
    """Three revisions of a deadly deployment between two healthy ones, all in one lane."""
    return create_with_neighbours(outbox_world)


@pytest.mark.parametrize("first", [{}, {"rescue_after": 0.0}], ids=["rung for by the api", "by the sweep"])
def test_a_deadly_snapshot_is_parked_after_three_deaths_and_the_others_are_dispatched(
    first: dict[str, Any], neighbours: OutboxWorld, kills: list[str]
) -> None:
    assert not handle_doorbell(neighbours, **first)
    assert [handle_doorbell(neighbours, was_redelivered=True, **first) for _ in range(3)] == [False, False, True]
    assert len(kills) == 3
    assert remaining_snapshots(neighbours) == PARKED_AND_WAITING
    parked = neighbours.pending()[0]
    assert (parked.parked is not None, parked.error) == (True, ERROR)
    assert sorted(neighbours.ids_by_resource().values()) == [[1], [1, 2, 3], [1, 2, 3]]


def test_the_sweep_alone_parks_a_deadly_snapshot(neighbours: OutboxWorld, kills: list[str]) -> None:
    # The sweep rings anew each time, so no doorbell shows that a process died with it.
    assert [handle_doorbell(neighbours, rescue_after=0.0) for _ in range(4)] == [False, False, False, True]
    assert len(kills) == 3
    assert remaining_snapshots(neighbours) == PARKED_AND_WAITING


def test_a_worker_is_careful_with_marked_snapshots_also_without_the_sweep(
    neighbours: OutboxWorld, kills: list[str]
) -> None:
    handle_doorbell(neighbours, rescue_after=0.0)
    assert [handle_doorbell(neighbours) for _ in range(3)] == [False, False, True]
    assert len(kills) == 3
    assert remaining_snapshots(neighbours) == PARKED_AND_WAITING


def test_the_first_death_leaves_no_mark_and_the_redelivery_marks_one_batch(
    neighbours: OutboxWorld, kills: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    handle_doorbell(neighbours)
    assert {row.deaths for row in neighbours.pending()} == {0}
    monkeypatch.setattr(Dispatcher, "drain", lambda *_: 0)
    handle_doorbell(neighbours, was_redelivered=True)
    assert {row.deaths for row in neighbours.pending()} == {1}


def test_the_redelivery_of_a_message_marks_snapshots_in_each_of_its_lanes(
    outbox_world: OutboxWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    outbox_world.create(*(f"n{number}" for number in range(20)))
    lanes = sorted({row.lane for row in outbox_world.pending()})
    with outbox_world.sessions() as session:
        session.execute(
            text("UPDATE snapshot SET attempts = 1, error = 'x', parked = now() WHERE lane = :lane"),
            {"lane": lanes[0]},
        )
        session.commit()
    monkeypatch.setattr(Dispatcher, "drain", lambda *_: 0)
    handle_doorbell(outbox_world, was_redelivered=True)
    assert {row.lane for row in outbox_world.pending() if row.deaths} == set(lanes[1:])


def test_a_deadly_snapshot_is_parked_at_the_third_death_also_among_other_lanes(
    outbox_world: OutboxWorld, kills: list[str]
) -> None:
    create_with_neighbours(outbox_world)
    outbox_world.create(*(f"elsewhere{number}" for number in range(10)))
    with outbox_world.sessions() as session:
        # Use the message's last lane, where the dead process would be suspected last.
        session.execute(text("UPDATE snapshot SET lane = CASE WHEN lane = 3 THEN 63 ELSE lane % 60 END"))
        session.commit()
    assert not handle_doorbell(outbox_world)
    assert outbox_world.log() == []
    assert [handle_doorbell(outbox_world, was_redelivered=True) for _ in range(3)] == [False, False, True]
    assert len(kills) == 3
    assert remaining_snapshots(outbox_world) == PARKED_AND_WAITING


def test_a_healthy_snapshot_with_a_mark_is_dispatched(neighbours: OutboxWorld) -> None:
    with neighbours.sessions() as session:
        session.execute(text("UPDATE snapshot SET deaths = 2"))
        session.commit()
    assert handle_doorbell(neighbours)
    assert remaining_snapshots(neighbours) == []
    assert sorted(neighbours.ids_by_resource().values()) == [[1, 2, 3]] * 3


@pytest.mark.parametrize(
    ("deaths", "positions"), [(1, [4, 7, 10]), (2, [4, 5, 6, 7, 10])], ids=["a few together", "alone"]
)
def test_snapshots_with_one_mark_are_dispatched_together_and_with_two_marks_alone(
    deaths: int, positions: list[int], neighbours: OutboxWorld
) -> None:
    mark(neighbours, deaths)
    handle_doorbell(neighbours)
    assert neighbours.appended == positions


def test_only_a_few_marked_snapshots_are_dispatched_together(
    neighbours: OutboxWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claim, "SUSPECTS_AT_ONCE", 2)
    mark(neighbours, 1)
    handle_doorbell(neighbours)
    assert neighbours.appended == [4, 6, 7, 10]


def mark(world: OutboxWorld, deaths: int) -> None:
    """Mark the three snapshots of the deadly deployment with `deaths` deaths each."""
    with world.sessions() as session:
        session.execute(
            text("UPDATE snapshot SET deaths = :deaths WHERE name = :name"), {"deaths": deaths, "name": DEADLY}
        )
        session.commit()
