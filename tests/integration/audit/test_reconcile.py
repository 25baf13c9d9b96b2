"""The audit as a whole: what is clean, what it shows, and how it looks at the database."""

from typing import Any

import pytest
from sqlalchemy import Engine, delete, event, func, select
from sqlalchemy.orm import Session, sessionmaker

from app.audit.reconcile import SHOWN_PER_PROBLEM, Audit, reconcile
from app.models import SnapshotRow
from tests.integration.audit.audited import AuditedWorld
from tests.integration.audit.lives import Life
from tests.world import World


def test_a_correct_world_is_clean_and_everything_in_it_was_checked(audited: AuditedWorld) -> None:
    found = audited.audit()
    assert (found.resources, found.events, found.pending) == (5, 13, 3)
    assert found.is_clean
    assert found.findings == ()


def test_an_empty_database_is_clean(sessions: sessionmaker[Session]) -> None:
    with sessions() as session:
        assert reconcile(session) == Audit(0, 0, 0, 0, 0, 0, 0, ())


def test_what_the_service_does_is_clean(world: World) -> None:
    deployment = world.deploy(description="first")
    world.deploy(200, description="second")
    world.patch(f"/deployments/{deployment}", {"tags": ["a"], "parameters": {"n": 1.0}})
    world.delete(f"/flows/{world.flow()}")
    with world.sessions() as session:
        found = reconcile(session)
    assert found.is_clean, found.findings
    assert (found.resources, found.events) == (2, 6)


def test_all_problems_are_counted_and_some_are_shown(audited: AuditedWorld) -> None:
    many = SHOWN_PER_PROBLEM + 5
    audited.session.add_all([Life(1).snapshot(1) for _ in range(many)])
    found = audited.audit()
    assert found.phantom == many
    assert len(found.findings) == SHOWN_PER_PROBLEM


def test_it_looks_at_one_snapshot_of_the_database(
    audited: AuditedWorld, engine: Engine, sessions: sessionmaker[Session]
) -> None:
    audited.session.commit()
    statements: list[str] = []

    @event.listens_for(engine, "after_cursor_execute")
    def break_it_meanwhile(_conn: Any, _cursor: Any, statement: str, *_: Any) -> None:
        statements.append(statement)
        if len(statements) == 1:
            with sessions() as other, other.begin():
                other.execute(delete(SnapshotRow))

    assert reconcile(audited.session).is_clean
    audited.session.rollback()
    assert reconcile(audited.session).lost == 3


def test_it_cannot_write(audited: AuditedWorld) -> None:
    audited.session.commit()
    reconcile(audited.session)
    modes = [func.current_setting("transaction_isolation"), func.current_setting("transaction_read_only")]
    assert audited.session.execute(select(*modes)).one() == ("repeatable read", "on")


def test_it_wants_a_transaction_of_its_own(audited: AuditedWorld) -> None:
    assert audited.session.in_transaction()
    with pytest.raises(AssertionError, match="transaction of its own"):
        reconcile(audited.session)
