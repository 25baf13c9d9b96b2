"""A snapshot that kills its worker is parked at the third death, and the others are dispatched."""

from typing import Any

import pytest
from sqlalchemy import text

from app.schemas.event import Event
from tests.integration.outbox_world import OutboxWorld
from tests.integration.workers.deadly_world import DEADLY, Killed, left, ring, with_neighbours
from workers import batch, build, claim
from workers.claimed import Claimed
from workers.dispatch import Dispatcher

ERROR = "The worker process died three times while it had this snapshot in hand."
PARKED_AND_BEHIND = [(DEADLY, 2, 1, 3), (DEADLY, 3, 0, 2)]
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
    return with_neighbours(outbox_world)


@pytest.mark.parametrize("first", [{}, {"rescue_after": 0.0}], ids=["rung for by the api", "by the sweep"])
def test_it_is_parked_after_three_deaths_and_its_neighbours_go_out(
    first: dict[str, Any], neighbours: OutboxWorld, kills: list[str]
) -> None:
    assert not ring(neighbours, **first)
    assert [ring(neighbours, came_again=True, **first) for _ in range(3)] == [False, False, True]
    assert len(kills) == 3
    assert left(neighbours) == PARKED_AND_BEHIND
    parked = neighbours.pending()[0]
    assert (parked.parked is not None, parked.error) == (True, ERROR)
    assert sorted(neighbours.ids_by_resource().values()) == [[1], [1, 2, 3], [1, 2, 3]]


def test_the_sweep_alone_parks_it_too(neighbours: OutboxWorld, kills: list[str]) -> None:
    # The sweep rings anew each time, so no doorbell shows that a process died with it.
    assert [ring(neighbours, rescue_after=0.0) for _ in range(4)] == [False, False, False, True]
    assert len(kills) == 3
    assert left(neighbours) == PARKED_AND_BEHIND


def test_a_plain_doorbell_is_careful_with_what_has_a_mark(neighbours: OutboxWorld, kills: list[str]) -> None:
    ring(neighbours, rescue_after=0.0)
    assert [ring(neighbours) for _ in range(3)] == [False, False, True]
    assert len(kills) == 3
    assert left(neighbours) == PARKED_AND_BEHIND


def test_the_first_death_of_a_plain_doorbell_leaves_no_mark_and_the_second_makes_suspects_of_one_batch(
    neighbours: OutboxWorld, kills: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    ring(neighbours)
    assert {row.deaths for row in neighbours.pending()} == {0}
    monkeypatch.setattr(Dispatcher, "drain", lambda *_: 0)
    ring(neighbours, came_again=True)
    assert {row.deaths for row in neighbours.pending()} == {1}


def test_suspects_are_made_in_every_lane_of_the_message(
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
    ring(outbox_world, came_again=True)
    assert {row.lane for row in outbox_world.pending() if row.deaths} == set(lanes[1:])


def test_the_third_kill_parks_it_also_when_other_lanes_were_in_hand_with_it(
    outbox_world: OutboxWorld, kills: list[str]
) -> None:
    with_neighbours(outbox_world)
    outbox_world.create(*(f"elsewhere{number}" for number in range(10)))
    with outbox_world.sessions() as session:
        # Use the message's last lane, where the dead process would be suspected last.
        session.execute(text("UPDATE snapshot SET lane = CASE WHEN lane = 3 THEN 63 ELSE lane % 60 END"))
        session.commit()
    assert not ring(outbox_world)
    assert outbox_world.log() == []
    assert [ring(outbox_world, came_again=True) for _ in range(3)] == [False, False, True]
    assert len(kills) == 3
    assert left(outbox_world) == PARKED_AND_BEHIND


def test_a_healthy_snapshot_that_had_a_mark_goes_out(neighbours: OutboxWorld) -> None:
    with neighbours.sessions() as session:
        session.execute(text("UPDATE snapshot SET deaths = 2"))
        session.commit()
    assert ring(neighbours)
    assert left(neighbours) == []
    assert sorted(neighbours.ids_by_resource().values()) == [[1, 2, 3]] * 3


@pytest.mark.parametrize(
    ("deaths", "positions"), [(1, [4, 7, 10]), (2, [4, 5, 6, 7, 10])], ids=["a few together", "alone"]
)
def test_the_more_marks_a_snapshot_has_the_fewer_are_done_with_it(
    deaths: int, positions: list[int], neighbours: OutboxWorld
) -> None:
    mark(neighbours, deaths)
    ring(neighbours)
    assert neighbours.appended == positions


def test_no_more_than_a_few_suspects_are_done_together(
    neighbours: OutboxWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claim, "SUSPECTS_AT_ONCE", 2)
    mark(neighbours, 1)
    ring(neighbours)
    assert neighbours.appended == [4, 6, 7, 10]


def mark(world: OutboxWorld, deaths: int) -> None:
    """Mark the three snapshots of the deadly deployment with `deaths` deaths each."""
    with world.sessions() as session:
        session.execute(
            text("UPDATE snapshot SET deaths = :deaths WHERE name = :name"), {"deaths": deaths, "name": DEADLY}
        )
        session.commit()
