"""The API's doorbell against the doorbell of the sweep, and sweeps against each other."""

import threading
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from app.broker import doorbells as broker
from app.broker.doorbell import Doorbell
from tests.integration.outbox_world import OutboxWorld, create_deployment
from tests.integration.races.blocking import Gate, together
from tests.integration.side_by_side import PATIENCE_SECONDS
from workers import dispatch, sweep
from workers.claim import lanes_of
from workers.sweep import Waiting

GRACE = 3.0


def age_snapshots(world: OutboxWorld) -> None:
    """Make all pending snapshots older than the grace time."""
    with world.sessions.begin() as session:
        session.execute(text("UPDATE snapshot SET captured = now() - interval '1 minute'"))


def run_sweep(world: OutboxWorld, grace: float = GRACE) -> list[Waiting]:
    """Sweep, and return what it rings for."""
    found: list[Waiting] = []
    with world.sessions.begin() as session:
        sweep.sweep(session, grace, found.append)
    return found


@pytest.mark.parametrize("first", ["api", "sweep"])
def test_the_doorbells_of_api_and_sweep_for_one_snapshot_make_one_event(
    first: str, outbox_world: OutboxWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both workers have read the snapshot's lane before either of them locks it."""
    outbox_world.create("nightly")
    age_snapshots(outbox_world)
    ids = {"api": [bell.snapshot_id for bell in outbox_world.rung], "sweep": [run_sweep(outbox_world)[0].snapshot_id]}
    assert ids["api"] == ids["sweep"]
    both_have_read, winner_has_finished = threading.Barrier(2), threading.Event()

    def read_then_wait(session: Session, snapshot_ids: Sequence[UUID]) -> list[int]:
        lanes = lanes_of(session, snapshot_ids)
        assert len(lanes) == 1
        both_have_read.wait(PATIENCE_SECONDS)
        if threading.current_thread().name != first:
            assert winner_has_finished.wait(PATIENCE_SECONDS)
        return lanes

    def work(ringer: str) -> int:
        threading.current_thread().name = ringer
        try:
            dispatcher = outbox_world.dispatcher(rescue_after=GRACE if ringer == "sweep" else None)
            return dispatcher.dispatch(ids[ringer])
        finally:
            if ringer == first:
                winner_has_finished.set()

    monkeypatch.setattr(dispatch, "lanes_of", read_then_wait)
    counts = dict(zip(ids, together(lambda: work("api"), lambda: work("sweep")), strict=True))
    assert counts == {"api": 0, "sweep": 0, first: 1}
    assert len(outbox_world.log()) == 1
    assert outbox_world.pending() == []
    assert outbox_world.head().rescued == (1 if first == "sweep" else 0)


def test_a_sweep_ignores_an_uncommitted_snapshot_and_rings_for_it_after_the_commit(
    outbox_world: OutboxWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The snapshot is older than the grace time before its commit; the API's own doorbell is delivered last."""
    rung_by_the_sweep: list[Waiting] = []

    def sweep_first(_settings: Any, doorbells: Sequence[Doorbell]) -> None:
        rung_by_the_sweep.extend(run_sweep(outbox_world))
        ids = [waiting.snapshot_id for waiting in rung_by_the_sweep]
        assert outbox_world.dispatcher(rescue_after=GRACE).dispatch(ids) == 1
        outbox_world.rung.extend(doorbells)

    monkeypatch.setattr(broker, "send", sweep_first)
    with outbox_world.sessions() as session:
        change = create_deployment(session, "nightly")
        session.execute(text("UPDATE snapshot SET captured = now() - interval '1 minute'"))
        assert run_sweep(outbox_world) == []
        assert outbox_world.dispatcher().dispatch([change.event_id]) == 0
        session.commit()
    assert [waiting.snapshot_id for waiting in rung_by_the_sweep] == [change.event_id]
    assert outbox_world.dispatcher().dispatch([bell.snapshot_id for bell in outbox_world.rung]) == 0
    assert [event.id for event in outbox_world.log()] == [change.event_id]


def test_a_doorbell_rings_when_its_snapshot_is_visible(
    outbox_world: OutboxWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that dispatches while the doorbell is being sent finds the snapshot committed."""
    answered: list[int] = []

    def answer_at_once(_settings: Any, doorbells: Sequence[Doorbell]) -> None:
        answered.append(outbox_world.dispatcher().dispatch([bell.snapshot_id for bell in doorbells]))

    monkeypatch.setattr(broker, "send", answer_at_once)
    outbox_world.create("nightly", "hourly")
    assert answered == [2]


def test_of_two_concurrent_sweeps_one_rings(outbox_world: OutboxWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """The elected sweep is still reading the waiting lanes when the other one starts."""
    outbox_world.create(*(f"n{number}" for number in range(20)))
    age_snapshots(outbox_world)
    lanes = sorted({row.lane for row in outbox_world.pending()})
    gate = Gate()
    read_lanes = sweep.waiting_lanes

    def read_slowly(session: Session, grace: float) -> Sequence[Waiting]:
        if threading.current_thread().name == "elected":
            gate.stop()
        return read_lanes(session, grace)

    monkeypatch.setattr(sweep, "waiting_lanes", read_slowly)
    found: list[list[Waiting]] = []
    elected = threading.Thread(target=lambda: found.append(run_sweep(outbox_world)), name="elected", daemon=True)
    elected.start()
    gate.await_arrival()
    assert run_sweep(outbox_world) == []
    gate.open()
    elected.join(PATIENCE_SECONDS)
    assert [waiting.lane for waiting in found[0]] == lanes
