"""The lanes of one message share their transactions until one of them fails or needs careful handling."""

from collections.abc import Callable, Sequence
from typing import Any

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from app.schemas.event import Event
from tests.integration.outbox_world import OutboxWorld
from workers import batch, build, dispatch
from workers.claim import claim, lock_lanes
from workers.claimed import Claimed

NAMES = [f"n{number}" for number in range(6)]


@pytest.fixture
def lanes(outbox_world: OutboxWorld) -> OutboxWorld:
    """Six deployments with three revisions each, every deployment in a separate lane."""
    for lane, change in enumerate(outbox_world.create(*NAMES)):
        outbox_world.update(change, version="1")
        outbox_world.update(change, version="2")
        with outbox_world.sessions() as session:
            session.execute(
                text("UPDATE snapshot SET lane = :lane WHERE resource_id = :id"), {"lane": lane, "id": change.row["id"]}
            )
            session.commit()
    return outbox_world


def assert_all_in_order(world: OutboxWorld) -> None:
    assert world.pending() == []
    assert list(world.ids_by_resource().values()) == [[1, 2, 3]] * len(NAMES)


def test_one_transaction_dispatches_all_lanes_of_a_message(lanes: OutboxWorld) -> None:
    assert lanes.dispatch_all() == 18
    assert lanes.appended == [19]
    assert_all_in_order(lanes)


@pytest.mark.parametrize("batch_size", [1, 4, 7, 17])
def test_lanes_share_the_size_of_a_batch(batch_size: int, lanes: OutboxWorld) -> None:
    lanes.dispatch_all(batch_size=batch_size)
    steps = [last - before for before, last in zip([1, *lanes.appended], lanes.appended, strict=False)]
    assert sum(steps) == 18
    assert max(steps) <= batch_size
    assert_all_in_order(lanes)


def test_each_lane_has_an_equal_share_of_a_batch(lanes: OutboxWorld) -> None:
    with lanes.sessions() as session:
        claimed = claim(session, range(6), 12)
    assert sorted(row.lane for row in claimed) == sorted([*range(6), *range(6)])


def test_lanes_share_the_limit_of_bytes_of_a_batch(lanes: OutboxWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = [row.size for row in lanes.pending()]
    monkeypatch.setattr("workers.claim.BYTES_AT_ONCE", sum(sizes[:8]))
    with lanes.sessions() as session:
        assert len(claim(session, range(6), 500)) == 8


def test_a_locked_lane_is_skipped_without_waiting(lanes: OutboxWorld) -> None:
    with lanes.sessions() as holder:
        assert lock_lanes(holder, [2])[0] == [2]
        assert lanes.dispatch_all() == 15
        assert {row.lane for row in lanes.pending()} == {2}
    lanes.dispatch_all()
    assert_all_in_order(lanes)


def test_a_refusal_in_one_lane_blocks_only_its_own_resource(
    lanes: OutboxWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(snapshot: Claimed, *arguments: Any) -> Event:
        event = build.build(snapshot, *arguments)
        # PostgreSQL refuses NUL in a text.
        return event.model_copy(update={"event": "\0"}) if (snapshot.lane, snapshot.revision) == (3, 2) else event

    monkeypatch.setattr(batch, "build", refused)
    assert lanes.dispatch_all() == 16
    assert [(row.lane, row.revision, row.attempts) for row in lanes.pending()] == [(3, 2, 1), (3, 3, 0)]


def test_a_snapshot_with_a_death_mark_is_dispatched_only_with_its_own_lane(
    lanes: OutboxWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    with lanes.sessions() as session:
        session.execute(text("UPDATE snapshot SET deaths = 1 WHERE lane IN (4, 5)"))
        session.commit()
    lanes_of_batches: list[set[int]] = []

    def note(session: Session, snapshots: Sequence[Claimed], *arguments: Any) -> batch.Batch:
        lanes_of_batches.append({row.lane for row in snapshots})
        return batch.dispatch_together(session, snapshots, *arguments)

    monkeypatch.setattr(dispatch, "dispatch_together", note)
    lanes.dispatch_all()
    assert [found for found in lanes_of_batches if found & {4, 5}] == [{4}, {5}]
    assert_all_in_order(lanes)


def test_lanes_of_a_sweep_are_drained_one_by_one(lanes: OutboxWorld) -> None:
    lanes.dispatch_all(rescue_after=0.0)
    assert lanes.appended == [4, 7, 10, 13, 16, 19]


def failing_with(error: Exception, calls: list[int]) -> Callable[..., Any]:
    def fail(_: Session, __: Sequence[int], limit: int) -> Any:
        calls.append(limit)
        raise error

    return fail


def test_an_unavailable_database_is_asked_once_and_not_for_each_lane(
    lanes: OutboxWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[int] = []
    gone = OperationalError("gone", None, psycopg.OperationalError("server closed the connection"))
    monkeypatch.setattr(dispatch, "claim", failing_with(gone, calls))
    with pytest.raises(OperationalError):
        lanes.dispatch_all()
    assert len(calls) == 1
