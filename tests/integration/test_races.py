"""Races, forced: real threads, with a barrier placed inside the code path."""

import contextlib
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy.orm import Session

from app.models import SnapshotRow
from tests.integration.outbox_world import OutboxWorld, update_deployment
from workers import batch, dispatch
from workers.claim import claim, lock_lane


def together(*functions: Callable[[], Any]) -> list[Any]:
    """Run the functions in threads of their own and return what they return."""
    with ThreadPoolExecutor(len(functions)) as pool:
        return [future.result(30) for future in [pool.submit(function) for function in functions]]


def test_two_workers_on_one_lane_append_each_snapshot_once_in_order(
    outbox_world: OutboxWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    (change,) = outbox_world.create("nightly")
    for version in range(30):
        outbox_world.update(change, version=str(version))
    ids = outbox_world.pending_ids()
    barrier = threading.Barrier(2)

    def meet_then_lock(session: Session, lane: int) -> Any:
        # Both stand before the lock at the same time in the first round; later ones come alone.
        if not barrier.broken:
            with contextlib.suppress(threading.BrokenBarrierError):
                barrier.wait(2)
        return lock_lane(session, lane)

    monkeypatch.setattr(dispatch, "lock_lane", meet_then_lock)
    worker = outbox_world.dispatcher(batch_size=3)
    counts = together(lambda: worker.dispatch(ids), lambda: worker.dispatch(ids))
    assert sum(counts) == 31
    assert list(outbox_world.ids_by_resource().values()) == [list(range(1, 32))]


def test_a_doorbell_that_finds_its_lane_taken_is_not_lost(
    outbox_world: OutboxWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The holder has seen its last snapshot and still holds the lane when the next one is committed and rung for."""
    (change,) = outbox_world.create("nightly")
    holder_has_claimed, other_has_left = threading.Event(), threading.Event()

    def claim_then_wait(session: Session, lane: int, limit: int) -> Sequence[SnapshotRow]:
        rows = claim(session, lane, limit)
        if threading.current_thread().name == "holder":
            holder_has_claimed.set()
            assert other_has_left.wait(10)
        return rows

    monkeypatch.setattr(dispatch, "claim", claim_then_wait)
    first = outbox_world.pending_ids()
    holder = threading.Thread(target=lambda: outbox_world.dispatcher().dispatch(first), name="holder")
    holder.start()
    assert holder_has_claimed.wait(10)
    outbox_world.update(change, version="2")
    assert outbox_world.dispatch_all() == 0
    other_has_left.set()
    holder.join(10)
    assert list(outbox_world.ids_by_resource().values()) == [[1, 2]]


def test_a_tailing_reader_never_finds_an_event_below_where_it_has_been(
    outbox_world: OutboxWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One append stands before its commit while another wants to pass: the other must wait for its position."""
    outbox_world.create("first")
    (first,) = outbox_world.pending()
    (other,) = (c for c in _in_other_lane(outbox_world, first.lane))
    appended, go_on = threading.Event(), threading.Event()
    delete = batch._delete

    def stop_before_commit(session: Session, ours: batch.Batch) -> None:
        delete(session, ours)
        if ours.built[0][0].id == first.id:
            appended.set()
            assert go_on.wait(10)

    monkeypatch.setattr(batch, "_delete", stop_before_commit)
    slow = threading.Thread(target=lambda: outbox_world.dispatcher().dispatch([first.id]))
    slow.start()
    assert appended.wait(10)
    quick = threading.Thread(target=lambda: outbox_world.dispatcher().dispatch([other.event_id]))
    quick.start()
    quick.join(0.5)
    seen_early = [event.position for event in outbox_world.log()]
    go_on.set()
    slow.join(10)
    quick.join(10)
    assert seen_early == []
    assert [(event.position, event.id) for event in outbox_world.log()] == [(1, first.id), (2, other.event_id)]


def _in_other_lane(world: OutboxWorld, lane: int) -> list[Any]:
    for number in range(50):
        (change,) = world.create(f"other{number}")
        if change.row["id"].int % 64 != lane:
            return [change]
    raise AssertionError("no other lane was hit")


def test_concurrent_updates_of_one_row_have_their_own_revisions_in_commit_order(outbox_world: OutboxWorld) -> None:
    (change,) = outbox_world.create("nightly")
    barrier = threading.Barrier(8)

    def change_it(number: int) -> None:
        with outbox_world.sessions() as session:
            barrier.wait(10)
            update_deployment(session, change, version=str(number))
            session.commit()

    together(*(lambda number=number: change_it(number) for number in range(8)))
    outbox_world.dispatch_all()
    events = outbox_world.log()
    assert [event.revision for event in events] == list(range(1, 10))
    tos = [event.payload["updates"]["version"]["to"] for event in events[1:]]
    froms = [event.payload["updates"]["version"]["from"] for event in events[1:]]
    assert froms == [None, *tos[:-1]]
    assert sorted(tos) == [str(number) for number in range(8)]
    times = [event.occurred for event in events]
    assert times == sorted(set(times))
