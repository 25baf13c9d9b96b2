"""A process that survives removes its death marks, whatever went wrong."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from app.schemas.event import Event
from tests.integration.outbox_world import OutboxWorld
from tests.integration.workers.deadly_world import left, ring, with_neighbours, world_dispatcher
from workers import batch
from workers.deaths import Marks


@pytest.fixture
def neighbours(outbox_world: OutboxWorld) -> OutboxWorld:
    """Three revisions of a deadly deployment between two healthy ones, all in one lane."""
    return with_neighbours(outbox_world)


def failing(error: Exception) -> Callable[..., Event]:
    def fail(*_: Any) -> Event:
        raise error

    return fail


@pytest.mark.parametrize("deaths", [0, 1, 2])
def test_an_ordinary_failure_is_no_death(deaths: int, neighbours: OutboxWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    with neighbours.sessions() as session:
        session.execute(text("UPDATE snapshot SET deaths = :deaths"), {"deaths": deaths})
        session.commit()
    monkeypatch.setattr(batch, "build", failing(ZeroDivisionError("a bug")))
    assert ring(neighbours, rescue_after=0.0)
    assert {row.deaths for row in neighbours.pending()} == {deaths}
    assert [row.attempts for row in neighbours.pending()] == [1, 0, 0] * 3


def test_an_outage_in_the_middle_is_no_death(neighbours: OutboxWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workers.batch._delete", failing(OperationalError("gone", None, Exception())))
    with pytest.raises(OperationalError):
        ring(neighbours, rescue_after=0.0)
    assert {(row.deaths, row.attempts) for row in neighbours.pending()} == {(0, 0)}


def test_a_mark_that_an_outage_kept_from_being_taken_back_is_taken_back_later(
    neighbours: OutboxWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = Marks(neighbours.sessions)
    dispatcher = world_dispatcher(neighbours, process, rescue_after=0.0)
    gone = OperationalError("gone", None, Exception())
    add = Marks._add

    def only_putting(marks: Marks, number: int) -> None:
        if number < 0:
            raise gone
        add(marks, number)

    for _ in range(5):
        with monkeypatch.context() as patch:
            patch.setattr("workers.batch._delete", failing(gone))
            patch.setattr(Marks, "_add", only_putting)
            with pytest.raises(OperationalError):
                dispatcher.dispatch(neighbours.pending_ids())
        assert {row.deaths for row in neighbours.pending()} == {1}
        process.remove()
    assert {row.deaths for row in neighbours.pending()} == {0}


def test_a_process_pays_its_debt_before_it_judges(neighbours: OutboxWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """The third mark is the process's own, and no process died with it."""
    with neighbours.sessions() as session:
        session.execute(text("UPDATE snapshot SET deaths = 2"))
        session.commit()
    dispatcher = world_dispatcher(neighbours, Marks(neighbours.sessions), rescue_after=0.0)
    gone = OperationalError("gone", None, Exception())
    add = Marks._add

    def only_putting(marks: Marks, number: int) -> None:
        if number < 0:
            raise gone
        add(marks, number)

    with monkeypatch.context() as patch:
        patch.setattr("workers.batch._delete", failing(gone))
        patch.setattr(Marks, "_add", only_putting)
        with pytest.raises(OperationalError):
            dispatcher.dispatch(neighbours.pending_ids())
    assert max(row.deaths for row in neighbours.pending()) == 3
    dispatcher.dispatch(neighbours.pending_ids())
    assert neighbours.pending() == []


def test_a_plain_doorbell_of_unmarked_snapshots_costs_no_mark(
    neighbours: OutboxWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Marks, "_add", failing(AssertionError("a plain doorbell put a mark")))
    assert ring(neighbours)
    assert left(neighbours) == []
