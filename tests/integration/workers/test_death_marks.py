"""A process that survives removes its death marks, whatever went wrong."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from app.schemas.event import Event
from tests.integration.outbox_world import OutboxWorld
from tests.integration.workers.deadly_world import (
    create_with_neighbours,
    handle_doorbell,
    make_dispatcher,
    remaining_snapshots,
)
from workers import batch
from workers.deaths import Marks


@pytest.fixture
def neighbours(outbox_world: OutboxWorld) -> OutboxWorld:
    """Three revisions of a deadly deployment between two healthy ones, all in one lane."""
    return create_with_neighbours(outbox_world)


def failing_with(error: Exception) -> Callable[..., Event]:
    def fail(*_: Any) -> Event:
        raise error

    return fail


@pytest.mark.parametrize("deaths", [0, 1, 2])
def test_an_ordinary_failure_adds_no_death(
    deaths: int, neighbours: OutboxWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    with neighbours.sessions() as session:
        session.execute(text("UPDATE snapshot SET deaths = :deaths"), {"deaths": deaths})
        session.commit()
    monkeypatch.setattr(batch, "build", failing_with(ZeroDivisionError("a bug")))
    assert handle_doorbell(neighbours, rescue_after=0.0)
    assert {row.deaths for row in neighbours.pending()} == {deaths}
    assert [row.attempts for row in neighbours.pending()] == [1, 0, 0] * 3


def test_an_outage_adds_no_death(neighbours: OutboxWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workers.batch._delete", failing_with(OperationalError("gone", None, Exception())))
    with pytest.raises(OperationalError):
        handle_doorbell(neighbours, rescue_after=0.0)
    assert {(row.deaths, row.attempts) for row in neighbours.pending()} == {(0, 0)}


def test_marks_that_an_outage_kept_from_being_removed_are_removed_later(
    neighbours: OutboxWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = Marks(neighbours.sessions)
    dispatcher = make_dispatcher(neighbours, process, rescue_after=0.0)
    gone = OperationalError("gone", None, Exception())
    add = Marks._add

    def fail_to_remove(marks: Marks, number: int) -> None:
        if number < 0:
            raise gone
        add(marks, number)

    for _ in range(5):
        with monkeypatch.context() as patch:
            patch.setattr("workers.batch._delete", failing_with(gone))
            patch.setattr(Marks, "_add", fail_to_remove)
            with pytest.raises(OperationalError):
                dispatcher.dispatch(neighbours.pending_ids())
        assert {row.deaths for row in neighbours.pending()} == {1}
        process.remove()
    assert {row.deaths for row in neighbours.pending()} == {0}


def test_a_process_removes_its_own_marks_before_it_parks_a_snapshot(
    neighbours: OutboxWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The third mark is the process's own, and no process died with it."""
    with neighbours.sessions() as session:
        session.execute(text("UPDATE snapshot SET deaths = 2"))
        session.commit()
    dispatcher = make_dispatcher(neighbours, Marks(neighbours.sessions), rescue_after=0.0)
    gone = OperationalError("gone", None, Exception())
    add = Marks._add

    def fail_to_remove(marks: Marks, number: int) -> None:
        if number < 0:
            raise gone
        add(marks, number)

    with monkeypatch.context() as patch:
        patch.setattr("workers.batch._delete", failing_with(gone))
        patch.setattr(Marks, "_add", fail_to_remove)
        with pytest.raises(OperationalError):
            dispatcher.dispatch(neighbours.pending_ids())
    assert max(row.deaths for row in neighbours.pending()) == 3
    dispatcher.dispatch(neighbours.pending_ids())
    assert neighbours.pending() == []


def test_a_doorbell_of_the_api_for_unmarked_snapshots_sets_no_mark(
    neighbours: OutboxWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Marks, "_add", failing_with(AssertionError("a plain doorbell put a mark")))
    assert handle_doorbell(neighbours)
    assert remaining_snapshots(neighbours) == []
