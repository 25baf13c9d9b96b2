"""Tables that have grown are analyzed, and prepared statements on them are planned again."""

from uuid import UUID, uuid4

import pytest
from sqlalchemy import column, func, select, table, text
from sqlalchemy.orm import Session

from app.crud.deployments.upsert import upsert_deployment
from app.postgres.base import Base
from app.postgres.engine import make_engine, make_sessions
from app.schemas.deployments import DeploymentCreate
from app.settings import Settings
from tests.integration.outbox_world import OutboxWorld, create_deployment, settled_flow
from tests.integration.workers.test_sweep import run_task
from workers.planner_statistics import GROWTH, MIN_ROWS, analyze_grown_tables

MANY = GROWTH * MIN_ROWS + 1
PAGES = 500
"""Rows that fill some pages: a table of one or two is read through as fast as by an index."""
MAX_READ = 10
"""Rows that an upsert may read of its table: the deployment itself, a few times."""
READ_COUNTERS = table("pg_stat_xact_user_tables", column("relname"), column("seq_tup_read"), column("idx_tup_fetch"))


@pytest.fixture(autouse=True)
def nobody_else_analyzes(outbox_world: OutboxWorld) -> None:
    """Disable autovacuum, which would run once a minute."""
    with outbox_world.sessions() as session, session.begin():
        for name in Base.metadata.tables:
            session.execute(text(f'ALTER TABLE "{name}" SET (autovacuum_enabled = false)'))


def fill(world: OutboxWorld, count: int, prefix: str = "n") -> None:
    """Create deployments, and make PostgreSQL update its counters at once instead of within a second."""
    with world.sessions() as session:
        for number in range(count):
            create_deployment(session, f"{prefix}{number}")
        session.execute(select(func.pg_stat_force_next_flush()))
        session.commit()


def known_rows(world: OutboxWorld) -> int:
    """Return the planner's row count for deployments."""
    with world.sessions() as session:
        return int(session.scalar(text("SELECT reltuples FROM pg_class WHERE relname = 'deployment'")) or 0)


def rows_read(session: Session) -> int:
    """Return how many deployments this connection has read since it last reported its statistics."""
    row = session.execute(select(READ_COUNTERS).where(READ_COUNTERS.c.relname == "deployment")).one_or_none()
    return int((row.seq_tup_read or 0) + (row.idx_tup_fetch or 0)) if row is not None else 0


def read_by_upsert(session: Session, flow_id: UUID, name: str) -> int:
    """Return how many deployments an upsert reads. It commits: a rollback drops psycopg's prepared statements."""
    before = rows_read(session)
    upsert_deployment(session, DeploymentCreate(name=name, flow_id=flow_id, description=str(uuid4())))
    after = rows_read(session)
    session.commit()
    return after - before


def test_a_table_that_has_doubled_is_analyzed_once(outbox_world: OutboxWorld) -> None:
    fill(outbox_world, MANY)
    assert "deployment" in analyze_grown_tables(outbox_world.sessions)
    assert known_rows(outbox_world) == MANY
    assert analyze_grown_tables(outbox_world.sessions) == []
    fill(outbox_world, MANY + 1, "more")
    assert "deployment" in analyze_grown_tables(outbox_world.sessions)
    assert known_rows(outbox_world) == 2 * MANY + 1


def test_a_table_that_has_not_doubled_is_left_to_autovacuum(outbox_world: OutboxWorld) -> None:
    fill(outbox_world, MANY)
    analyze_grown_tables(outbox_world.sessions)
    fill(outbox_world, MANY - 1, "more")
    assert "deployment" not in analyze_grown_tables(outbox_world.sessions)
    assert known_rows(outbox_world) == MANY


def test_the_sweep_analyzes_grown_tables(outbox_world: OutboxWorld, settings: Settings) -> None:
    fill(outbox_world, MANY)
    run_task(settings)
    assert known_rows(outbox_world) == MANY


def test_a_statement_that_was_planned_for_an_empty_table_is_planned_again(
    outbox_world: OutboxWorld, settings: Settings
) -> None:
    flow_id = settled_flow(outbox_world.sessions)
    # A single connection, which keeps its plans.
    engine = make_engine(settings, application_name="planned", pool_size=1, generic_plans=True)
    with make_sessions(engine)() as session:
        session.execute(text("ANALYZE"))
        session.commit()
        # psycopg prepares a statement after five executions, and PostgreSQL then keeps its plan.
        for number in range(8):
            read_by_upsert(session, flow_id, f"planned{number}")
        fill(outbox_world, PAGES)
        assert read_by_upsert(session, flow_id, "n7") > PAGES
        analyze_grown_tables(outbox_world.sessions)
        assert read_by_upsert(session, flow_id, "n7") < MAX_READ
    engine.dispose()
