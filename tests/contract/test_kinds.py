"""Every declared kind is complete, and every tracked field is captured by create, update and delete."""

from typing import Any, Final
from uuid import UUID

import pytest
from sqlalchemy import Table
from sqlalchemy.orm import Session, sessionmaker

from app.capture.kind_classes import ResourceKind
from app.capture.kinds import KINDS, tracked_kinds
from app.capture.row_changes import delete_rows, update_rows, upsert_row
from app.capture.snapshot import Change
from app.models import ConcurrencyLimit, EventRow, Flow, WorkPool, WorkQueue
from app.outbox.record import record
from tests.contract.kind_values import (
    BOOKKEEPING,
    CHANGES_WITH,
    FLOW,
    IDENTITY,
    LIMITS,
    POOL,
    QUEUES,
    UNTRACKED,
    VALUES,
)
from tests.guard import unguarded

NEW: Final = UUID(int=9)
every_kind = pytest.mark.parametrize("kind", tracked_kinds(), ids=lambda kind: kind.name)
every_field = pytest.mark.parametrize(
    ("kind", "field"),
    [
        pytest.param(kind, field, id=f"{kind.name}-{field}")
        for kind in tracked_kinds()
        for field in VALUES.get(kind.name, {})
    ],
)


@pytest.fixture
def registry(sessions: sessionmaker[Session]) -> None:
    """Insert the rows that the test values refer to."""
    with sessions.begin() as session, unguarded(session):
        session.add_all([Flow(id=FLOW, name="etl"), WorkPool(id=POOL, name="pool", type="process")])
        session.flush()
        session.add_all(WorkQueue(id=id_, name=str(id_), work_pool_id=POOL) for id_ in QUEUES)
        session.add_all(ConcurrencyLimit(id=id_, name=str(id_), limit=1) for id_ in LIMITS)


def first_values(kind: ResourceKind) -> dict[str, Any]:
    values = {field: pair[0] for field, pair in VALUES[kind.name].items()}
    return {"id": NEW, **IDENTITY[kind.name], **values}


def commit_change(sessions: sessionmaker[Session], change: Any) -> Change:
    """Run one statement, record its change, commit (this runs the eager task), and return the change."""
    with sessions() as session:
        changes: list[Change] = change(session)
        record(session, changes)
        session.commit()
    assert len(changes) == 1
    return changes[0]


def create(sessions: sessionmaker[Session], kind: ResourceKind, **values: Any) -> Change:
    """Create the resource, or update it with these values."""

    def upsert(session: Session) -> list[Change]:
        change = upsert_row(session, kind, {**first_values(kind), **values}, ("id",))
        assert change is not None
        return [change]

    return commit_change(sessions, upsert)


def event_of(sessions: sessionmaker[Session], change: Change) -> EventRow:
    with sessions() as session:
        return session.query(EventRow).filter_by(id=change.event_id).one()


def described_by(kind: ResourceKind, **changed: Any) -> dict[str, Any]:
    """Return the keys that the payload has in Prefect, with these changed values."""
    known = {**first_values(kind), **changed}
    return {key: known[key] for key in kind.own_keys}


def second_value(kind: ResourceKind, field: str) -> dict[str, Any]:
    """Return the second value of a field, and the columns that must change with it."""
    return {field: VALUES[kind.name][field][1], **CHANGES_WITH.get((kind.name, field), {})}


def assert_only_this_field_changed(kind: ResourceKind, field: str, event: EventRow) -> None:
    changed, before = second_value(kind, field), first_values(kind)
    updates = {name: {"from": _json_safe(before[name]), "to": _json_safe(changed[name])} for name in sorted(changed)}
    told_of = {"updated_fields": sorted(changed), "updates": updates}
    assert event.payload == {**described_by(kind, **changed), **told_of}


def _json_safe(value: Any) -> Any:
    return str(value) if isinstance(value, UUID) else value


@every_kind
def test_every_column_is_tracked_or_listed_as_untracked(kind: ResourceKind) -> None:
    other = {*IDENTITY[kind.name], *BOOKKEEPING, *UNTRACKED[kind.name]}
    assert set(kind.table.columns.keys()) == set(kind.tracked) | other
    assert not set(kind.tracked) & other


@every_kind
def test_every_tracked_field_is_tested(kind: ResourceKind) -> None:
    assert set(VALUES[kind.name]) == set(kind.tracked)


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.name)
def test_every_reference_to_another_kind_is_an_edge(kind: ResourceKind) -> None:
    if kind.model is None:
        assert not kind.tracked
        return
    tables = {other.model.__table__ for other in KINDS.values() if other.model is not None}
    table = kind.model.__table__
    assert isinstance(table, Table)
    referring = {key.parent.name for key in table.foreign_keys if key.column.table in tables}
    assert referring <= {edge.column for edge in kind.edges}


def test_the_tracked_kinds_are_flow_pool_queue_limit_and_deployment() -> None:
    assert [kind.name for kind in tracked_kinds()] == [
        "flow",
        "work-pool",
        "work-queue",
        "concurrency-limit",
        "deployment",
    ]


@every_kind
def test_a_creation_contains_every_tracked_field(
    kind: ResourceKind, registry: None, sessions: sessionmaker[Session]
) -> None:
    event = event_of(sessions, create(sessions, kind))
    values = {field: pair[0] for field, pair in VALUES[kind.name].items()}
    fields = {field: _json_safe(value) for field, value in values.items()}
    assert event.payload == {**described_by(kind), "fields": fields}
    assert event.event == f"prefect.{kind.name}.created"


@every_field
def test_a_patch_of_one_field_reports_only_that_field(
    kind: ResourceKind, field: str, registry: None, sessions: sessionmaker[Session]
) -> None:
    create(sessions, kind)
    where = kind.table.c.id == NEW
    updated = commit_change(sessions, lambda session: update_rows(session, kind, where, second_value(kind, field)))
    assert_only_this_field_changed(kind, field, event_of(sessions, updated))


@every_field
def test_an_upsert_of_one_field_reports_only_that_field(
    kind: ResourceKind, field: str, registry: None, sessions: sessionmaker[Session]
) -> None:
    create(sessions, kind)
    updated = create(sessions, kind, **second_value(kind, field))
    assert_only_this_field_changed(kind, field, event_of(sessions, updated))


@every_field
def test_storing_the_same_value_again_is_no_change(
    kind: ResourceKind, field: str, registry: None, sessions: sessionmaker[Session]
) -> None:
    create(sessions, kind)
    with sessions() as session:
        same = {field: VALUES[kind.name][field][0]}
        assert update_rows(session, kind, kind.table.c.id == NEW, same) == []
        assert upsert_row(session, kind, first_values(kind), ("id",)) is None


@every_kind
def test_a_deletion_contains_the_last_value_of_every_tracked_field(
    kind: ResourceKind, registry: None, sessions: sessionmaker[Session]
) -> None:
    created = create(sessions, kind)
    deleted = commit_change(sessions, lambda session: delete_rows(session, kind, kind.table.c.id == NEW))
    first, last = event_of(sessions, created), event_of(sessions, deleted)
    assert last.payload == first.payload
    assert (last.event, last.follows, last.revision) == (f"prefect.{kind.name}.deleted", first.id, 2)


@every_kind
def test_an_untracked_column_changes_without_a_revision(
    kind: ResourceKind, registry: None, sessions: sessionmaker[Session]
) -> None:
    create(sessions, kind)
    numbers = {name: 3 for name in UNTRACKED[kind.name] if name.endswith(("slots", "seconds"))}
    with sessions.begin() as session:
        assert update_rows(session, kind, kind.table.c.id == NEW, numbers) == []
        row = session.execute(kind.table.select().where(kind.table.c.id == NEW)).mappings().one()
    assert {name: row[name] for name in numbers} == numbers
    assert row["revision"] == 1
