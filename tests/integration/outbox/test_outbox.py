"""Recording: snapshots are stored in the change's transaction, and doorbells ring only after its commit."""

from uuid import uuid4

import pytest
from sqlalchemy import text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.broker import doorbells as broker
from app.broker.doorbell import Doorbell
from app.capture.attribution import Attribution, acting_as
from app.models import Deployment
from app.settings import Settings, get_settings
from tests.integration.outbox_world import OutboxWorld, create_deployment, update_deployment


def test_a_commit_stores_the_snapshot_and_rings_once(outbox_world: OutboxWorld) -> None:
    (change,) = outbox_world.create("nightly")
    assert outbox_world.pending_ids() == [change.event_id]
    assert [doorbell.snapshot_id for doorbell in outbox_world.rung] == [change.event_id]


def test_nothing_rings_before_the_commit(outbox_world: OutboxWorld) -> None:
    with outbox_world.sessions() as session:
        create_deployment(session, "nightly")
        with session.begin_nested():
            create_deployment(session, "hourly")
        assert outbox_world.rung == []
        session.commit()
    assert len(outbox_world.rung) == 2


def test_a_rollback_removes_the_snapshot_and_the_doorbell(outbox_world: OutboxWorld) -> None:
    with outbox_world.sessions() as session:
        create_deployment(session, "nightly")
        session.rollback()
        session.commit()
    assert outbox_world.pending() == []
    assert outbox_world.rung == []


def test_a_rolled_back_savepoint_leaves_no_snapshot(outbox_world: OutboxWorld) -> None:
    with outbox_world.sessions() as session:
        kept = create_deployment(session, "kept")
        savepoint = session.begin_nested()
        create_deployment(session, "lost")
        savepoint.rollback()
        session.commit()
    assert outbox_world.pending_ids() == [kept.event_id]


def test_a_commit_that_fails_leaves_no_snapshot_and_rings_nothing(outbox_world: OutboxWorld) -> None:
    with outbox_world.sessions() as session:
        change = create_deployment(session, "nightly")
        # The reference to a limit is deferred, so the commit fails.
        session.execute(
            update(Deployment).where(Deployment.id == change.row["id"]).values(concurrency_limit_id=uuid4())
        )
        with pytest.raises(IntegrityError):
            session.commit()
    assert outbox_world.pending() == []
    assert outbox_world.rung == []


def test_a_failing_doorbell_does_not_fail_the_commit(
    outbox_world: OutboxWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise ConnectionError("refused")

    monkeypatch.setattr(broker, "send", refuse)
    monkeypatch.setenv("AFTERCOMMIT_TASK_ALWAYS_EAGER", "false")
    get_settings.cache_clear()
    (change,) = outbox_world.create("nightly")
    broker.close()
    assert broker.publisher(get_settings()).dropped == 1
    assert outbox_world.pending_ids() == [change.event_id]


def test_the_stored_state_is_masked(outbox_world: OutboxWorld) -> None:
    (change,) = outbox_world.create("nightly")
    outbox_world.update(change, infra_overrides={"env": {"A": "hunter2"}})
    with outbox_world.sessions() as session:
        stored = session.scalars(text("SELECT snapshot::text FROM snapshot")).all()
    assert len(stored) == 2
    assert not [row for row in stored if "hunter2" in row]


def test_the_attribution_is_stored_with_the_snapshot(outbox_world: OutboxWorld) -> None:
    with acting_as(Attribution("key:ci", request="request-7")):
        outbox_world.create("nightly")
    assert [row.attribution for row in outbox_world.pending()] == [{"actor": "key:ci", "request": "request-7"}]


def test_all_snapshots_of_a_resource_are_in_its_lane(outbox_world: OutboxWorld) -> None:
    (change,) = outbox_world.create("nightly")
    outbox_world.update(change, version="2")
    lanes = {row.lane for row in outbox_world.pending()}
    assert lanes == {change.row["id"].int % 64}


def test_a_message_contains_only_ids_and_a_description_for_the_operator(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[tuple[list[str], str]] = []
    doorbells = [Doorbell(uuid4(), f"deployment:x updated r{n}") for n in range(7)]
    monkeypatch.setattr(
        "celery.canvas.Signature.apply_async", lambda self, **options: sent.append((self.args[0], options["argsrepr"]))
    )
    broker.send(settings, doorbells)
    ((ids, shown),) = sent
    assert ids == [str(doorbell.snapshot_id) for doorbell in doorbells]
    assert shown.startswith("deployment:x updated r0, deployment:x updated r1, ")
    assert shown.endswith("deployment:x updated r4, and 2 more")


def _changes(session: Session) -> None:
    change = create_deployment(session, "nightly")
    for version in "123":
        update_deployment(session, change, version=version)


def test_several_changes_in_one_transaction_have_their_own_revisions(outbox_world: OutboxWorld) -> None:
    with outbox_world.sessions() as session:
        _changes(session)
        session.commit()
    rows = outbox_world.pending()
    assert [row.revision for row in rows] == [1, 2, 3, 4]
    assert [row.follows for row in rows] == [None, *(row.id for row in rows[:-1])]
    times = [row.occurred for row in rows]
    assert times == sorted(set(times))


def test_a_rolled_back_savepoint_keeps_the_doorbells_of_earlier_changes(
    outbox_world: OutboxWorld,
) -> None:
    with outbox_world.sessions() as session:
        kept = create_deployment(session, "kept")
        savepoint = session.begin_nested()
        session.execute(text("SELECT 1"))
        savepoint.rollback()
        session.commit()
    assert [doorbell.snapshot_id for doorbell in outbox_world.rung] == [kept.event_id]
