"""The audit as a whole: which databases are clean, the findings that it shows, and how it reads the database."""

import pytest
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session, sessionmaker

from app.audit.reconcile import SHOWN_PER_PROBLEM, Audit, reconcile
from tests.integration.audit.audited_world import AuditedWorld
from tests.integration.audit.lives import Life
from tests.statements import StatementCount
from tests.world import World


def test_a_correct_database_is_clean_and_every_entry_is_counted(audited: AuditedWorld) -> None:
    found = audited.audit()
    assert (found.resources, found.events, found.pending) == (5, 13, 3)
    assert found.is_clean
    assert found.findings == ()


def test_an_empty_database_is_clean(sessions: sessionmaker[Session]) -> None:
    with sessions() as session:
        assert reconcile(session) == Audit(0, 0, 0, 0, 0, 0, 0, ())


def test_the_changes_of_the_service_are_clean(world: World) -> None:
    deployment = world.deploy(description="first")
    world.deploy(200, description="second")
    world.patch(f"/deployments/{deployment}", {"tags": ["a"], "parameters": {"n": 1.0}})
    world.delete(f"/flows/{world.flow()}")
    with world.sessions() as session:
        found = reconcile(session)
    assert found.is_clean, found.findings
    assert (found.resources, found.events) == (2, 6)


def test_all_problems_are_counted_and_a_limited_number_is_listed(audited: AuditedWorld) -> None:
    many = SHOWN_PER_PROBLEM + 5
    audited.session.add_all([Life(1).snapshot(1) for _ in range(many)])
    found = audited.audit()
    assert found.phantom == many
    assert len(found.findings) == SHOWN_PER_PROBLEM


def test_the_audit_is_one_statement_and_so_reads_one_snapshot_of_the_database(
    audited: AuditedWorld, engine: Engine
) -> None:
    audited.session.commit()
    count = StatementCount(engine)
    reconcile(audited.session)
    assert len(count.statements) == 1


def test_the_audit_runs_in_a_read_only_transaction(audited: AuditedWorld) -> None:
    audited.session.commit()
    reconcile(audited.session)
    modes = [func.current_setting("transaction_isolation"), func.current_setting("transaction_read_only")]
    assert audited.session.execute(select(*modes)).one() == ("repeatable read", "on")


def test_the_audit_refuses_to_run_in_an_open_transaction(audited: AuditedWorld) -> None:
    assert audited.session.in_transaction()
    with pytest.raises(AssertionError, match="transaction of its own"):
        reconcile(audited.session)
