"""Concurrent appends, while a reader reads the log by position."""

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from uuid import UUID

import pytest
from sqlalchemy import Engine, select, update
from sqlalchemy.orm import Session

from app.log.append import append
from app.models import LANES, EventRow, SnapshotRow
from app.schemas.event import Event
from tests.integration.outbox_world import OutboxWorld
from tests.integration.races.blocking import Gate, count_blocked, wait_until_blocked
from tests.waiting import wait_until
from workers import batch

SNAPSHOTS_PER_LANE = 12


@dataclass
class Reader:
    """Repeatedly reads the events after the last position that it has seen."""

    world: OutboxWorld
    seen: list[tuple[int, UUID]] = field(default_factory=list)
    reads: int = 0
    is_over: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """Read until `is_over` is set, and once more."""
        while not self.is_over.is_set():
            self.read()
        self.read()

    def read(self) -> None:
        """Read the new events."""
        last = self.seen[-1][0] if self.seen else 0
        statement = select(EventRow.position, EventRow.id).where(EventRow.position > last).order_by(EventRow.position)
        with self.world.sessions() as session:
            self.seen.extend((row.position, row.id) for row in session.execute(statement))
        self.reads += 1

    def await_read(self) -> None:
        """Wait until a read has started and ended after this call."""
        enough = self.reads + 2
        wait_until(lambda: self.reads >= enough, "the reader to look")


def test_a_reader_by_position_never_finds_an_event_below_its_position(
    outbox_world: OutboxWorld, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An append waits before its commit while another one wants to pass: the other must wait for its position."""
    outbox_world.create("first")
    (first,) = outbox_world.pending()
    other = _in_other_lane(outbox_world, first.lane)
    gate = Gate()

    def stop_before_commit(session: Session, events: Sequence[Event], *, rescued: int) -> int:
        position = append(session, events, rescued=rescued)
        if events[0].id == first.id:
            gate.stop()
        return position

    monkeypatch.setattr(batch, "append", stop_before_commit)
    with ThreadPoolExecutor(2) as threads:
        slow = threads.submit(outbox_world.dispatcher().dispatch, [first.id])
        gate.await_arrival()
        quick = threads.submit(outbox_world.dispatcher().dispatch, [other])
        try:
            wait_until_blocked(engine, 1, [slow, quick])
            assert outbox_world.log() == []
        finally:
            gate.open()
    assert (slow.result(), quick.result()) == (1, 1)
    assert [(event.position, event.id) for event in outbox_world.log()] == [(2, first.id), (3, other)]


def test_a_reader_during_concurrent_appends_reads_exactly_the_log(
    outbox_world: OutboxWorld, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each append waits before its commit until the other appender is blocked and the reader has read."""
    lanes = _two_lanes(outbox_world)
    reader = Reader(outbox_world)
    standing: list[int] = []
    ended: list[int] = []

    def stop_before_commit(session: Session, events: Sequence[Event], *, rescued: int) -> int:
        position = append(session, events, rescued=rescued)
        standing.append(1)
        # Two appends must never be here at once; if they are, stop waiting, so that the reader checks at once.
        wait_until(lambda: ended or len(standing) > 1 or count_blocked(engine), "the other one to come")
        reader.await_read()
        standing.pop()
        return position

    def append_all(ids: list[UUID]) -> int:
        try:
            return outbox_world.dispatcher(batch_size=2).dispatch(ids)
        finally:
            ended.append(1)

    monkeypatch.setattr(batch, "append", stop_before_commit)
    with ThreadPoolExecutor(3) as threads:
        reading = threads.submit(reader.run)
        appending = [threads.submit(append_all, ids) for ids in lanes]
        appended = [future.result(60) for future in appending]
        reader.is_over.set()
        reading.result(60)
    assert sum(appended) == sum(len(ids) for ids in lanes)
    assert reader.seen[1:] == [(event.position, event.id) for event in outbox_world.log()]
    assert [position for position, _ in reader.seen] == list(range(1, sum(appended) + 2))


def _in_other_lane(world: OutboxWorld, lane: int) -> UUID:
    (change,) = world.create("other")
    with world.sessions() as session:
        session.execute(update(SnapshotRow).where(SnapshotRow.id == change.event_id).values(lane=(lane + 1) % LANES))
        session.commit()
    return change.event_id


def _two_lanes(world: OutboxWorld) -> list[list[UUID]]:
    """Store several snapshots in each of two lanes, and return their ids by lane."""
    (one,) = world.create("one")
    lane = one.row["id"].int % 64
    two = next(
        change for number in range(50) for change in world.create(f"two{number}") if change.row["id"].int % 64 != lane
    )
    for number in range(SNAPSHOTS_PER_LANE):
        for change in (one, two):
            world.update(change, version=str(number))
    rows = world.pending()
    wanted = {one.row["id"], two.row["id"]}
    assert wanted <= {row.resource_id for row in rows}
    return [[row.id for row in rows if row.lane == change.row["id"].int % 64] for change in (one, two)]
