"""The guard of the test databases refuses to commit a change of a tracked row without its snapshot."""

from typing import Any

import pytest
from sqlalchemy import delete, insert, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session, sessionmaker

from app.capture.kind_classes import ResourceKind
from app.capture.kinds import tracked_kinds
from app.crud import flows
from app.crud.work_pools import pools as work_pools
from app.models import Flow, WorkPool
from tests.guard import unguarded
from tests.integration.kinds_in_use import make_one_of_each, other_values

each_kind = pytest.mark.parametrize("kind", tracked_kinds(), ids=lambda kind: kind.name)


def refusal_of(sessions: sessionmaker[Session], statement: Any) -> str:
    """Return the database's error when a transaction contains only this statement."""
    with sessions() as session:
        session.execute(statement)
        with pytest.raises(DBAPIError) as refusal:
            session.commit()
    return str(refusal.value.orig)


@each_kind
def test_no_tracked_field_changes_without_a_snapshot(kind: ResourceKind, sessions: sessionmaker[Session]) -> None:
    rows = make_one_of_each(sessions)
    table = kind.table
    for field in kind.tracked:
        change = other_values(rows[kind.name], field)
        for values in (change, {**change, "revision": table.c.revision + 1}):
            assert kind.name in refusal_of(sessions, update(table).values(values))


@each_kind
def test_no_resource_is_deleted_without_a_snapshot(kind: ResourceKind, sessions: sessionmaker[Session]) -> None:
    rows = make_one_of_each(sessions)
    with sessions.begin() as session, unguarded(session):
        # Foreign keys: delete the referring rows first.
        for earlier in reversed([*tracked_kinds()]):
            if earlier.name == kind.name:
                break
            session.execute(delete(earlier.table))
    table = kind.table
    assert "deleted" in refusal_of(sessions, delete(table).where(table.c.id == rows[kind.name]["id"]))


def test_no_resource_is_created_without_a_snapshot(sessions: sessionmaker[Session]) -> None:
    assert "created" in refusal_of(sessions, insert(Flow).values(name="etl"))
    assert "created" in refusal_of(sessions, insert(WorkPool).values(name="pool", type="process"))


def test_a_crud_function_that_does_not_record_its_change_fails_at_the_commit(
    sessions: sessionmaker[Session], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work_pools, "record", lambda *_: None)
    with sessions() as session:
        work_pools.create_work_pool(session, {"name": "pool", "type": "process"})
        with pytest.raises(DBAPIError, match="without a snapshot or an event"):
            session.commit()


def test_a_recorded_change_and_an_untracked_column_are_allowed(sessions: sessionmaker[Session]) -> None:
    make_one_of_each(sessions)
    with sessions.begin() as session:
        session.execute(update(Flow).values(updated=Flow.updated))
        flows.get_or_create_flow(session, "another")
