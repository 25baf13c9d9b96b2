"""No lane keeps a worker indefinitely: after a time limit, the lanes of other messages are served."""

from collections.abc import Sequence
from uuid import UUID

import pytest
from sqlalchemy import text

import workers.dispatch
from app.broker import doorbells as broker
from app.broker.contract import DISPATCH
from app.settings import Settings, get_settings
from tests.integration.outbox_world import OutboxWorld
from workers.dispatch import Dispatcher

LANES = 3


@pytest.fixture
def backlog(outbox_world: OutboxWorld) -> OutboxWorld:
    """Two changes in each of a few lanes."""
    outbox_world.create(*(f"n{number}" for number in range(2 * LANES)))
    with outbox_world.sessions() as session:
        session.execute(text(f"UPDATE snapshot SET lane = (sequence - 1) % {LANES}"))
        session.commit()
    return outbox_world


@pytest.fixture
def _no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers.dispatch, "TURN_SECONDS", 0.0)


def dispatch_message(
    world: OutboxWorld, ids: Sequence[UUID], batch_size: int, *, careful: bool = False
) -> list[list[UUID]]:
    """Dispatch as for one message, and return what it rings for at its end."""
    rung: list[list[UUID]] = []
    Dispatcher(
        world.sessions,
        batch_size,
        world.settings.event_size_cap,
        rescue_after=0.0 if careful else None,
        ring_again=lambda ids: rung.append([*ids]),
    ).dispatch(ids)
    return rung


@pytest.mark.usefixtures("_no_time")
@pytest.mark.parametrize("batch_size", [LANES, 2 * LANES - 1])
def test_at_its_time_limit_a_message_rings_for_each_lane_that_is_not_empty(
    backlog: OutboxWorld, batch_size: int
) -> None:
    (rung,) = dispatch_message(backlog, backlog.pending_ids(), batch_size)

    left = backlog.pending()
    assert 0 < len(left) <= LANES
    assert sorted(rung) == sorted(row.id for row in left)
    assert dispatch_message(backlog, rung, batch_size) == []
    assert backlog.pending() == []


@pytest.mark.usefixtures("_no_time")
def test_each_lane_of_a_careful_message_gets_one_batch_before_the_time_limit_applies(backlog: OutboxWorld) -> None:
    rung = dispatch_message(backlog, backlog.pending_ids(), 1, careful=True)

    assert rung == [[row.id] for row in sorted(backlog.pending(), key=lambda row: row.lane)]
    assert len(rung) == LANES


def test_before_the_time_limit_all_lanes_are_drained(backlog: OutboxWorld) -> None:
    assert dispatch_message(backlog, backlog.pending_ids(), 1) == []
    assert backlog.pending() == []


@pytest.mark.usefixtures("_no_time")
def test_the_task_rings_again_until_all_lanes_are_empty(
    backlog: OutboxWorld, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AFTERCOMMIT_DISPATCH_BATCH_SIZE", "1")
    get_settings.cache_clear()
    ids = [str(id_) for id_ in backlog.pending_ids()]

    broker.celery(settings).signature(DISPATCH, args=[ids], kwargs={"swept": True}).apply_async()

    assert backlog.pending() == []
