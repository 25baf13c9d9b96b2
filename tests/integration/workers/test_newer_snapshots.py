"""Workers leave a snapshot of a newer version alone: no failure is counted, and other resources continue."""

from typing import Any

import pytest
from sqlalchemy import Engine, event, text

from app.models import SCHEMA_VERSION
from app.settings import Settings
from tests.integration.outbox_world import OutboxWorld
from workers import build, claim
from workers.sweep import Waiting, sweep


def captured_by_a_newer_version(world: OutboxWorld, revision: int, name: str = "nightly") -> None:
    """Give that revision a newer schema version than ours."""
    with world.sessions() as session:
        session.execute(
            text("UPDATE snapshot SET schema_version = :version WHERE revision = :revision AND name = :name"),
            {"version": SCHEMA_VERSION + 1, "revision": revision, "name": name},
        )
        session.commit()


def states(world: OutboxWorld) -> list[tuple[str, int, int, bool]]:
    return [(row.name, row.revision, row.attempts, row.parked is not None) for row in world.pending()]


@pytest.fixture
def mixed(outbox_world: OutboxWorld) -> OutboxWorld:
    """Two deployments in one lane, three revisions each; revision 2 of one has a newer schema version."""
    for name in ("nightly", "other"):
        (change,) = outbox_world.create(name)
        outbox_world.update(change, version="1")
        outbox_world.update(change, version="2")
    with outbox_world.sessions() as session:
        session.execute(text("UPDATE snapshot SET lane = 7"))
        session.commit()
    captured_by_a_newer_version(outbox_world, 2)
    return outbox_world


@pytest.fixture
def newer_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make this process support the newer schema version."""
    for module in (build, claim):
        monkeypatch.setattr(module, "SCHEMA_VERSION", SCHEMA_VERSION + 1)


def test_a_newer_snapshot_and_its_later_revisions_wait_and_all_others_are_dispatched(mixed: OutboxWorld) -> None:
    assert mixed.dispatch_all() == 4
    assert states(mixed) == [("nightly", 2, 0, False), ("nightly", 3, 0, False)]
    assert sorted(mixed.ids_by_resource().values()) == [[1], [1, 2, 3]]


def test_an_older_worker_counts_no_attempts(mixed: OutboxWorld) -> None:
    for _ in range(30):
        mixed.dispatch_all(rescue_after=0)
    assert states(mixed) == [("nightly", 2, 0, False), ("nightly", 3, 0, False)]
    assert [row.deaths for row in mixed.pending()] == [0, 0]


@pytest.mark.parametrize("batch_size", [1, 2, 500])
def test_the_check_after_a_batch_agrees_with_the_claim(mixed: OutboxWorld, batch_size: int) -> None:
    mixed.dispatch_all(batch_size=batch_size)
    with mixed.sessions() as session:
        assert claim.claim(session, [7], 10) == []
        assert claim.claimable(session, [7]) == {}


def test_the_sweep_of_an_older_worker_rings_for_newer_snapshots(mixed: OutboxWorld) -> None:
    mixed.dispatch_all()
    captured_by_a_newer_version(mixed, 3)
    rung: list[Waiting] = []
    with mixed.sessions() as session:
        sweep(session, 0.0, rung.append)
    assert [waiting.lane for waiting in rung] == [7]


def test_a_newer_worker_dispatches_newer_snapshots_in_order(
    mixed: OutboxWorld, settings: Settings, newer_worker: None
) -> None:
    assert mixed.dispatch_all() == 6
    assert list(mixed.ids_by_resource().values()) == [[1, 2, 3], [1, 2, 3]]


def test_a_newer_worker_continues_where_an_older_one_stopped(
    mixed: OutboxWorld, request: pytest.FixtureRequest
) -> None:
    mixed.dispatch_all()
    request.getfixturevalue("newer_worker")
    assert mixed.dispatch_all() == 2
    assert sorted(mixed.ids_by_resource().values()) == [[1, 2, 3], [1, 2, 3]]


@pytest.mark.own_database
def test_a_process_stores_its_own_version_even_if_the_database_has_a_newer_default(
    outbox_world: OutboxWorld,
) -> None:
    with outbox_world.sessions() as session:
        session.execute(text("ALTER TABLE snapshot ALTER schema_version SET DEFAULT 99"))
        session.commit()
    outbox_world.create("nightly")
    assert [row.schema_version for row in outbox_world.pending()] == [SCHEMA_VERSION]


def test_the_claim_and_the_check_find_newer_snapshots_by_a_small_index(mixed: OutboxWorld, engine: Engine) -> None:
    sent: list[tuple[str, Any]] = []

    @event.listens_for(engine, "before_cursor_execute")
    def keep(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        sent.append((statement, parameters))

    with mixed.sessions() as session:
        session.execute(text("ANALYZE snapshot"))
        session.execute(text("SET LOCAL enable_seqscan = off"))
        sent.clear()
        claim.claim(session, [7], 10)
        claim.claimable(session, [7])
        for statement, parameters in sent[:2]:
            plan = session.connection().exec_driver_sql(f"EXPLAIN {statement}", parameters).scalars().all()
            assert any("ix_snapshot_newer" in line for line in plan), plan
