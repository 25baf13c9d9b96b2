"""Dispatching: in order, once, whatever rings."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from sqlalchemy import delete, text
from sqlalchemy.event import listen
from sqlalchemy.exc import DataError, OperationalError
from sqlalchemy.orm import Session, sessionmaker

from app.crud.deployments import delete_deployments
from app.database import make_engine, make_sessions
from app.events.append import append
from app.events.schema import Event
from app.models import Deployment, Flow, SnapshotRow
from app.settings import Settings
from benches.synthetic import Template, insert_backlog
from tests.guard import unguarded
from tests.integration.outbox_world import OutboxWorld, update_deployment
from tests.statements import StatementCount
from workers import batch
from workers.claim import claim, lock_lanes


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


def test_a_doorbell_for_what_never_committed_appends_nothing(outbox_world: OutboxWorld) -> None:
    assert outbox_world.dispatcher().dispatch([uuid4(), uuid4()]) == 0
    assert outbox_world.dispatcher().dispatch([]) == 0


def test_one_doorbell_drains_all_that_waits_in_its_lane_in_revision_order(outbox_world: OutboxWorld) -> None:
    (change,) = outbox_world.create("nightly")
    for version in range(9):
        outbox_world.update(change, version=str(version))
    last = outbox_world.pending_ids()[-1]
    assert outbox_world.dispatcher(batch_size=4).dispatch([last]) == 10
    assert list(outbox_world.ids_by_resource().values()) == [list(range(1, 11))]


def test_positions_are_dense_and_readers_are_told_the_last(outbox_world: OutboxWorld) -> None:
    outbox_world.create(*(f"n{number}" for number in range(20)))
    outbox_world.dispatch_all(batch_size=3)
    assert [event.position for event in outbox_world.log()] == list(range(2, 22))
    assert outbox_world.appended[-1] == outbox_world.head().position == 21
    assert outbox_world.appended == sorted(outbox_world.appended)


def test_a_taken_lane_is_left_to_its_holder(outbox_world: OutboxWorld) -> None:
    (change,) = outbox_world.create("nightly")
    with outbox_world.sessions() as holder:
        lane = change.row["id"].int % 64
        assert lock_lanes(holder, [lane])[0] == [lane]
        assert outbox_world.dispatch_all() == 0
    assert outbox_world.dispatch_all() == 1


def test_a_failed_append_leaves_the_snapshot_and_gives_its_position_back(
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


def test_a_related_resource_that_was_deleted_since_keeps_its_last_name(outbox_world: OutboxWorld) -> None:
    (change,) = outbox_world.create("nightly")
    with outbox_world.sessions() as session:
        delete_deployments(session, Deployment.id == change.row["id"])
        with unguarded(session):
            session.execute(delete(Flow))
        session.commit()
    outbox_world.dispatch_all()
    created, deleted = outbox_world.log()
    # The flow went without a tombstone here: its id and role are all that is known.
    flow = {"prefect.resource.id": f"prefect.flow.{change.row['flow_id']}", "prefect.resource.role": "flow"}
    assert created.related == deleted.related == [flow]


def test_the_claim_goes_by_revision_also_when_ids_and_times_do_not(outbox_world: OutboxWorld) -> None:
    (change,) = outbox_world.create("nightly")
    with outbox_world.sessions() as session:
        for version in "12345":
            update_deployment(session, change, version=version)
        session.commit()
        session.execute(text("UPDATE snapshot SET captured = now() - revision * interval '1 hour'"))
        session.commit()
        rows = claim(session, [change.row["id"].int % 64], 10)
        assert [row.revision for row in rows] == [1, 2, 3, 4, 5, 6]


def _statements(world: OutboxWorld, settings: Settings, batch_size: int = 500) -> list[str]:
    """Dispatch what waits, in one lane, and return the statements that it took."""
    with world.sessions() as session:
        session.execute(text("UPDATE snapshot SET lane = 5"))
        session.commit()
    engine = make_engine(settings, application_name="counted")
    seen = StatementCount(engine)
    OutboxWorld(make_sessions(engine), settings).dispatcher(batch_size).dispatch(world.pending_ids())
    engine.dispose()
    return seen.statements


def test_a_batch_costs_the_same_statements_whatever_its_size(outbox_world: OutboxWorld, settings: Settings) -> None:
    outbox_world.create("n0")
    one = _statements(outbox_world, settings)
    outbox_world.create(*(f"m{number}" for number in range(200)))
    many = _statements(outbox_world, settings)
    assert len(many) == len(one)
    assert len(one) <= 8, one


def test_nothing_but_the_events_is_written_while_others_wait_for_the_log(
    outbox_world: OutboxWorld, settings: Settings
) -> None:
    outbox_world.create("n0", "n1")
    verbs = [statement.split()[0] for statement in _statements(outbox_world, settings)]
    # What is related, the deletion, the log's head, the events; and the look after the commit.
    assert verbs[-5:] == ["SELECT", "DELETE", "UPDATE", "COPY", "SELECT"]


def test_an_event_that_cannot_be_written_is_found_before_others_wait(settings: Settings) -> None:
    event = Event(
        id=uuid4(),
        occurred=datetime.now(UTC),
        event="a.b",
        resource={"prefect.resource.id": "a"},
        related=[],
        payload={"a": Decimal(1)},
        follows=None,
    )
    engine = make_engine(settings, application_name="counted")
    seen = StatementCount(engine)
    with make_sessions(engine)() as session, pytest.raises(DataError):
        append(session, [event], rescued=0)
    engine.dispose()
    assert seen.statements == []


def test_after_a_full_batch_the_next_claim_is_the_look(outbox_world: OutboxWorld, settings: Settings) -> None:
    outbox_world.create(*(f"n{number}" for number in range(5)))
    statements = _statements(outbox_world, settings, batch_size=2)
    assert len([statement for statement in statements if statement.startswith("COPY")]) == 3
    assert len([statement for statement in statements if "EXISTS" in statement]) == 1
    assert outbox_world.pending() == []


def test_postgresql_expects_that_nearly_all_of_a_lane_can_be_claimed(
    outbox_world: OutboxWorld, database_url: str
) -> None:
    (change,) = outbox_world.create("nightly")
    template = Template(after={}, references={"flow_id": str(change.row["flow_id"])})
    with psycopg.connect(database_url.replace("+psycopg", ""), autocommit=True) as connection:
        insert_backlog(connection, template, 2_000, one_lane=True)
    asked: list[tuple[str, Any]] = []
    with outbox_world.sessions() as session:
        listen(session.connection(), "before_cursor_execute", lambda *seen: asked.append(seen[2:4]))
        assert len(claim(session, [0], 100)) == 100
        statement, parameters = asked[0]
        plan = "\n".join(session.connection().exec_driver_sql(f"EXPLAIN {statement}", parameters).scalars())
    # Else it would read and sort the whole lane for the first of its snapshots.
    found = re.search(r"Scan using ix_snapshot_lane_sequence on snapshot .*rows=(\d+)", plan)
    assert found is not None, plan
    # Half of them: it takes the two lanes that there are for equally long.
    assert int(found[1]) > 900, plan


def test_rows_of_the_outbox_are_refused_when_they_contradict_themselves(outbox_world: OutboxWorld) -> None:
    (change,) = outbox_world.create("nightly")
    with outbox_world.sessions() as session:
        for broken in ("lane = 64", "operation = 'moved'", "revision = 0", "after = NULL", "attempts = 1"):
            with pytest.raises(Exception, match="CheckViolation"), session.begin_nested():
                session.execute(text(f"UPDATE snapshot SET {broken}"))
        assert session.get(SnapshotRow, change.event_id) is not None


def test_a_batch_is_bounded_by_what_it_holds_and_a_single_snapshot_always_goes(
    outbox_world: OutboxWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    (change,) = outbox_world.create("nightly")
    for number in range(5):
        outbox_world.update(change, parameters={"big": str(number) * 10_000})
    monkeypatch.setattr("workers.claim.BYTES_AT_ONCE", 45_000)
    lane = change.row["id"].int % 64
    with outbox_world.sessions() as session:
        # The creation is small, and an update holds the state before and after.
        assert [row.revision for row in claim(session, [lane], 100)] == [1, 2, 3, 4]
    monkeypatch.setattr("workers.claim.BYTES_AT_ONCE", 1)
    with outbox_world.sessions() as session:
        assert [row.revision for row in claim(session, [lane], 100)] == [1]
    assert outbox_world.dispatch_all() == 6
    assert list(outbox_world.ids_by_resource().values()) == [list(range(1, 7))]
