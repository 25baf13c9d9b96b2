"""Snapshots are dispatched in order and once, whichever doorbells ring."""

from collections.abc import Sequence
from uuid import uuid4

import pytest
from sqlalchemy import delete, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session, sessionmaker

from app.crud.deployments.writing import delete_deployments
from app.log.append import append
from app.models import Deployment, Flow, SnapshotRow
from app.schemas.event import Event
from tests.guard import unguarded
from tests.integration.outbox_world import OutboxWorld
from workers import batch


def test_a_snapshot_becomes_its_event_and_leaves_the_outbox(outbox_world: OutboxWorld) -> None:
    (change,) = outbox_world.create("nightly")
    assert outbox_world.dispatch_all() == 1
    (event,) = outbox_world.log()
    assert (event.id, event.position, event.revision) == (change.event_id, 2, 1)
    assert event.occurred == change.occurred
    assert outbox_world.pending() == []


def test_ringing_again_appends_nothing(outbox_world: OutboxWorld) -> None:
    outbox_world.create("nightly")
    ids = outbox_world.pending_ids()
    assert [outbox_world.dispatcher().dispatch(ids) for _ in range(3)] == [1, 0, 0]
    assert len(outbox_world.log()) == 1


def test_a_doorbell_for_unknown_snapshots_appends_nothing(outbox_world: OutboxWorld) -> None:
    assert outbox_world.dispatcher().dispatch([uuid4(), uuid4()]) == 0
    assert outbox_world.dispatcher().dispatch([]) == 0


def test_one_doorbell_drains_its_lane_in_revision_order(outbox_world: OutboxWorld) -> None:
    (change,) = outbox_world.create("nightly")
    for version in range(9):
        outbox_world.update(change, version=str(version))
    last = outbox_world.pending_ids()[-1]
    assert outbox_world.dispatcher(batch_size=4).dispatch([last]) == 10
    assert list(outbox_world.ids_by_resource().values()) == [list(range(1, 11))]


def test_positions_have_no_gaps_up_to_the_head(outbox_world: OutboxWorld) -> None:
    outbox_world.create(*(f"n{number}" for number in range(20)))
    outbox_world.dispatch_all(batch_size=3)
    assert [event.position for event in outbox_world.log()] == list(range(2, 22))
    assert outbox_world.appended[-1] == outbox_world.head().position == 21


def test_a_failed_append_keeps_the_snapshot_and_frees_its_position(
    outbox_world: OutboxWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    outbox_world.create("nightly")
    monkeypatch.setattr(batch, "append", _append_and_lose_the_server)
    with pytest.raises(OperationalError):
        outbox_world.dispatch_all()
    monkeypatch.undo()
    assert outbox_world.log() == []
    (row,) = outbox_world.pending()
    assert row.attempts == 0
    outbox_world.dispatch_all()
    assert [event.position for event in outbox_world.log()] == [2]


def _append_and_lose_the_server(session: Session, events: Sequence[Event], *, rescued: int) -> int:
    append(session, events, rescued=rescued)
    raise OperationalError("the server went away", None, Exception())


@pytest.mark.own_database
def test_a_missing_table_is_an_outage_and_parks_nothing(
    outbox_world: OutboxWorld, sessions: sessionmaker[Session]
) -> None:
    outbox_world.create("nightly")
    with sessions() as session:
        session.execute(text("ALTER TABLE event RENAME TO not_yet_migrated"))
        session.commit()
    with pytest.raises(Exception, match="UndefinedTable"):
        outbox_world.dispatch_all()
    assert [row.attempts for row in outbox_world.pending()] == [0]


def test_a_related_resource_without_a_tombstone_is_named_by_its_id(outbox_world: OutboxWorld) -> None:
    (change,) = outbox_world.create("nightly")
    with outbox_world.sessions() as session:
        delete_deployments(session, Deployment.id == change.row["id"])
        with unguarded(session):
            session.execute(delete(Flow))
        session.commit()
    outbox_world.dispatch_all()
    created, deleted = outbox_world.log()
    # The flow was deleted without a tombstone here: only its id and role are known.
    flow = {"prefect.resource.id": f"prefect.flow.{change.row['flow_id']}", "prefect.resource.role": "flow"}
    assert created.related[0] == deleted.related[0] == flow


def test_the_database_refuses_contradictory_snapshot_rows(outbox_world: OutboxWorld) -> None:
    (change,) = outbox_world.create("nightly")
    with outbox_world.sessions() as session:
        for broken in ("lane = 64", "operation = 'moved'", "revision = 0", "after = NULL", "attempts = 1"):
            with pytest.raises(Exception, match="CheckViolation"), session.begin_nested():
                session.execute(text(f"UPDATE snapshot SET {broken}"))
        assert session.get(SnapshotRow, change.event_id) is not None
