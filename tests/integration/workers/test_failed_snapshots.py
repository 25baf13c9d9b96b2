"""A snapshot that cannot be dispatched stops only its own resource."""

from collections.abc import Iterator, Sequence
from typing import Any
from unittest.mock import Mock

import psycopg
import pytest
from sqlalchemy import text, update
from sqlalchemy.exc import DataError, OperationalError
from sqlalchemy.orm import Session

from app.models import SnapshotRow
from app.schemas.event import Event
from tests.integration.outbox_world import OutboxWorld
from workers import batch, build, dispatch
from workers.claim import lock_lanes
from workers.claimed import Claimed
from workers.retry import ATTEMPTS

POISON = "poison"


@pytest.fixture
def bug(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """A bug that prevents building one event of one deployment."""

    def broken(snapshot: Claimed, *arguments: Any) -> Event:
        if snapshot.name == POISON and snapshot.revision == 2:
            raise ZeroDivisionError("a bug in a kind")
        return build.build(snapshot, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(batch, "build", broken)
        yield patch


def put_in_one_lane(world: OutboxWorld) -> None:
    """Put all snapshots into one lane, so that the poison is in every batch."""
    with world.sessions() as session:
        session.execute(text("UPDATE snapshot SET lane = 0"))
        session.commit()


def make_retries_due(world: OutboxWorld) -> None:
    """Make every waiting retry due."""
    with world.sessions() as session:
        statement = update(SnapshotRow).where(SnapshotRow.next_attempt.is_not(None))
        session.execute(statement.values(next_attempt=text("now() - interval '1 second'")))
        session.commit()


def create_poisoned(world: OutboxWorld) -> None:
    """Three revisions each of a poisoned and of a healthy deployment, in one lane."""
    for name in (POISON, "healthy"):
        (change,) = world.create(name)
        world.update(change, version="1")
        world.update(change, version="2")
    put_in_one_lane(world)


def test_only_the_resource_of_a_failed_snapshot_waits(outbox_world: OutboxWorld, bug: Any) -> None:
    create_poisoned(outbox_world)
    assert outbox_world.dispatch_all() == 4
    assert sorted(outbox_world.ids_by_resource().values()) == [[1], [1, 2, 3]]
    assert [(row.revision, row.attempts, row.error) for row in outbox_world.pending()] == [
        (2, 1, "ZeroDivisionError: a bug in a kind"),
        (3, 0, None),
    ]


def test_a_failed_snapshot_is_not_retried_before_it_is_due(outbox_world: OutboxWorld, bug: Any) -> None:
    create_poisoned(outbox_world)
    outbox_world.dispatch_all()
    outbox_world.dispatch_all()
    assert [row.attempts for row in outbox_world.pending()] == [1, 0]


def test_a_failed_resource_continues_in_order_once_the_bug_is_fixed(
    outbox_world: OutboxWorld, bug: pytest.MonkeyPatch
) -> None:
    create_poisoned(outbox_world)
    outbox_world.dispatch_all()
    bug.undo()
    make_retries_due(outbox_world)
    assert outbox_world.dispatch_all() == 2
    assert list(outbox_world.ids_by_resource().values()) == [[1, 2, 3], [1, 2, 3]]


def test_a_snapshot_is_parked_with_its_error_after_its_last_attempt(
    outbox_world: OutboxWorld, bug: pytest.MonkeyPatch
) -> None:
    create_poisoned(outbox_world)
    for _ in range(ATTEMPTS):
        make_retries_due(outbox_world)
        outbox_world.dispatch_all()
    parked, behind = outbox_world.pending()
    assert (parked.attempts, parked.next_attempt) == (ATTEMPTS, None)
    assert parked.parked is not None
    assert (behind.revision, behind.attempts) == (3, 0)
    bug.undo()
    make_retries_due(outbox_world)
    assert outbox_world.dispatch_all() == 0


@pytest.mark.own_database
def test_a_refused_snapshot_fails_and_the_others_of_its_batch_are_dispatched(outbox_world: OutboxWorld) -> None:
    create_poisoned(outbox_world)
    with outbox_world.sessions() as session:
        session.execute(
            text("ALTER TABLE event ADD CONSTRAINT odd CHECK (resource->>'prefect.resource.name' <> 'poison')")
        )
        session.commit()
    assert outbox_world.dispatch_all() == 3
    rows = outbox_world.pending()
    assert [(row.revision, row.attempts) for row in rows] == [(1, 1), (2, 0), (3, 0)]
    assert rows[0].error is not None
    assert rows[0].error.startswith("CheckViolation 23514 odd")
    assert [event.position for event in outbox_world.log()] == [2, 3, 4]


def test_an_outage_during_the_search_for_the_refused_snapshot_counts_no_attempt(
    outbox_world: OutboxWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    create_poisoned(outbox_world)
    refused = DataError("COPY", None, psycopg.DataError("a value cannot be written"))
    gone = OperationalError("gone", None, psycopg.OperationalError())
    monkeypatch.setattr(batch, "append", Mock(side_effect=[refused, gone]))
    with pytest.raises(OperationalError):
        outbox_world.dispatch_all()
    assert [row.attempts for row in outbox_world.pending()] == [0] * 6


@pytest.mark.own_database
def test_the_error_of_a_failed_snapshot_quotes_no_row(outbox_world: OutboxWorld) -> None:
    (change,) = outbox_world.create("nightly")
    outbox_world.update(change, description="do not quote me")
    with outbox_world.sessions() as session:
        session.execute(text("ALTER TABLE event ADD CONSTRAINT odd CHECK (false) NOT VALID"))
        session.commit()
    outbox_world.dispatch_all()
    assert not [row.error for row in outbox_world.pending() if row.error and "quote" in row.error]


def test_a_snapshot_of_an_unknown_kind_blocks_only_its_own_resource(outbox_world: OutboxWorld) -> None:
    outbox_world.create("nightly", "other")
    put_in_one_lane(outbox_world)
    with outbox_world.sessions() as session:
        session.execute(text("UPDATE snapshot SET kind = 'spaceship' WHERE name = 'other'"))
        session.commit()
    assert outbox_world.dispatch_all() == 1
    (row,) = outbox_world.pending()
    assert row.error == "UnknownKind: There is no resource kind named 'spaceship'."


@pytest.mark.parametrize("references", ['{"flow_id": "nope"}', '{"flow_id": 5}', '{"flow_id": []}'])
def test_a_snapshot_with_malformed_references_blocks_only_its_own_resource(
    references: str, outbox_world: OutboxWorld
) -> None:
    outbox_world.create("nightly", "other")
    put_in_one_lane(outbox_world)
    with outbox_world.sessions() as session:
        session.execute(
            text("UPDATE snapshot SET \"references\" = cast(:broken AS jsonb) WHERE name = 'other'"),
            {"broken": references},
        )
        session.commit()
    assert outbox_world.dispatch_all() == 1
    (row,) = outbox_world.pending()
    assert row.error == "DispatchError: The snapshot's references are not ids by column."


def test_an_error_in_one_lane_does_not_block_the_other_lanes_of_its_message(
    outbox_world: OutboxWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    outbox_world.create(*(f"n{number}" for number in range(20)))
    lanes = sorted({row.lane for row in outbox_world.pending()})

    def broken(session: Session, wanted: Sequence[int]) -> Any:
        if lanes[0] in wanted:
            raise ZeroDivisionError("a bug")
        return lock_lanes(session, wanted)

    monkeypatch.setattr(dispatch, "lock_lanes", broken)
    with pytest.raises(ZeroDivisionError):
        outbox_world.dispatch_all()
    assert {row.lane for row in outbox_world.pending()} == {lanes[0]}


def test_earlier_revisions_than_an_unreadable_snapshot_are_dispatched(outbox_world: OutboxWorld) -> None:
    (change,) = outbox_world.create("nightly")
    for version in "123":
        outbox_world.update(change, version=version)
    with outbox_world.sessions() as session:
        session.execute(text("UPDATE snapshot SET kind = 'spaceship' WHERE revision = 3"))
        session.commit()
    assert outbox_world.dispatch_all() == 2
    assert list(outbox_world.ids_by_resource().values()) == [[1, 2]]
    assert [(row.revision, row.attempts) for row in outbox_world.pending()] == [(3, 1), (4, 0)]
