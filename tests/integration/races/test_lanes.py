"""Two workers on one lane: one of them gets it, and the other's doorbell is not lost."""

import threading
from collections.abc import Sequence
from uuid import UUID

import pytest
from sqlalchemy import Engine, event
from sqlalchemy.orm import Session

from tests.integration.outbox_world import OutboxWorld
from tests.integration.races.blocking import Gate, together
from tests.integration.side_by_side import PATIENCE_SECONDS
from workers import dispatch
from workers.claim import claim
from workers.claimed import Claimed


def test_two_workers_on_one_lane_append_each_snapshot_once_in_order(
    outbox_world: OutboxWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first worker to claim keeps its snapshots until the other one has claimed too, or has ended."""
    (change,) = outbox_world.create("nightly")
    for version in range(30):
        outbox_world.update(change, version=str(version))
    ids = outbox_world.pending_ids()
    barrier = threading.Barrier(2)
    other_is_through = threading.Event()
    claimed: list[UUID] = []

    def claim_and_keep(session: Session, lanes: Sequence[int], limit: int) -> Sequence[Claimed]:
        rows = claim(session, lanes, limit)
        is_first = not claimed
        claimed.extend(row.id for row in rows)
        if is_first:
            assert other_is_through.wait(PATIENCE_SECONDS)
        other_is_through.set()
        return rows

    def work() -> int:
        barrier.wait(PATIENCE_SECONDS)
        count = outbox_world.dispatcher(batch_size=3).dispatch(ids)
        other_is_through.set()
        return count

    monkeypatch.setattr(dispatch, "claim", claim_and_keep)
    counts = together(work, work)
    assert sorted(counts) == [0, 31]
    assert claimed == ids
    assert list(outbox_world.ids_by_resource().values()) == [list(range(1, 32))]


@pytest.mark.parametrize("names", [["nightly"], ["nightly", "hourly", "daily"]], ids=["one lane", "some lanes"])
def test_a_doorbell_for_a_locked_lane_is_not_lost(
    names: list[str], outbox_world: OutboxWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The holder has claimed for the last time and still holds the lane when the next snapshot is committed."""
    changes = outbox_world.create(*names)
    gate = Gate()

    def claim_then_wait(session: Session, lanes: Sequence[int], limit: int) -> Sequence[Claimed]:
        rows = claim(session, lanes, limit)
        if threading.current_thread().name == "holder" and not gate.opened.is_set():
            gate.stop()
        return rows

    monkeypatch.setattr(dispatch, "claim", claim_then_wait)
    holder = _holder(outbox_world)
    gate.await_arrival()
    for change in changes:
        outbox_world.update(change, version="2")
    assert outbox_world.dispatch_all() == 0
    gate.open()
    holder.join(PATIENCE_SECONDS)
    assert list(outbox_world.ids_by_resource().values()) == [[1, 2]] * len(names)


def test_a_doorbell_during_the_commit_of_the_holder_is_not_lost(outbox_world: OutboxWorld, engine: Engine) -> None:
    """The holder has done all work in its transaction and is about to send COMMIT."""
    (change,) = outbox_world.create("nightly")
    gate, has_deleted = Gate(), threading.Event()

    def note_deletion(_: object, __: object, statement: str, *___: object) -> None:
        if threading.current_thread().name == "holder" and statement.startswith("DELETE FROM snapshot"):
            has_deleted.set()

    def stop_at_the_commit(_: object) -> None:
        if threading.current_thread().name == "holder" and has_deleted.is_set() and not gate.opened.is_set():
            gate.stop()

    event.listen(engine, "after_cursor_execute", note_deletion)
    event.listen(engine, "commit", stop_at_the_commit)
    holder = _holder(outbox_world)
    gate.await_arrival()
    outbox_world.update(change, version="2")
    assert outbox_world.dispatch_all() == 0
    gate.open()
    holder.join(PATIENCE_SECONDS)
    assert list(outbox_world.ids_by_resource().values()) == [[1, 2]]


def _holder(world: OutboxWorld) -> threading.Thread:
    first = world.pending_ids()
    holder = threading.Thread(target=lambda: world.dispatcher().dispatch(first), name="holder", daemon=True)
    holder.start()
    return holder
