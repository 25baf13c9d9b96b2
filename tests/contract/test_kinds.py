"""Every declared kind is complete, and every tracked field goes through create, update and delete."""

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Table
from sqlalchemy.orm import Session, sessionmaker

from app.events.kinds import DEPLOYMENT, KINDS, tracked_kinds
from app.events.resource_kind import ResourceKind
from app.events.snapshot import Change
from app.events.tracked import delete_rows, update_rows, upsert_row
from app.events.tracked_statements import table_of
from app.models import ConcurrencyLimit, Deployment, EventRow, Flow, WorkPool, WorkQueue
from app.outbox import record
from tests.guard import unguarded

FLOW: Final = UUID(int=1)
QUEUES: Final = (UUID(int=2), UUID(int=3))
LIMITS: Final = (UUID(int=4), UUID(int=5))
BLOCKS: Final = (UUID(int=6), UUID(int=7))

VALUES: Final[Mapping[str, tuple[Any, Any]]] = {
    "concurrency_limit": (1, 2),
    "concurrency_limit_id": LIMITS,
    "concurrency_options": ({"collision_strategy": "ENQUEUE"}, {"collision_strategy": "CANCEL_NEW"}),
    "description": ("one", "two"),
    "enforce_parameter_schema": (True, False),
    "entrypoint": ("a.py:f", "b.py:f"),
    "infra_overrides": ({"image": "a"}, {"image": "b"}),
    "infrastructure_document_id": BLOCKS,
    "labels": ({"team": "a"}, {"team": "b"}),
    "parameter_openapi_schema": ({"type": "object"}, {"type": "object", "title": "P"}),
    "parameters": ({"n": 1}, {"n": 2}),
    "path": ("/a", "/b"),
    "paused": (False, True),
    "pull_steps": ([{"a": {}}], [{"b": {}}]),
    "schedules": ([{"id": "1", "n": 1}], [{"id": "1", "n": 2}]),
    "status": ("NOT_READY", "READY"),
    "storage_document_id": BLOCKS,
    "tags": (["a"], ["a", "b"]),
    "version": ("1", "2"),
    "work_queue_id": QUEUES,
}
"""Two different values of each tracked field of a deployment."""

OTHER_COLUMNS: Final = {"id", "created", "updated", "revision", "event_id", "name", "flow_id", "last_polled"}
"""What a deployment has beside its tracked fields: identity and bookkeeping, none of it changed by who deploys."""


@pytest.fixture
def registry(sessions: sessionmaker[Session]) -> None:
    """What the values above refer to."""
    pool = WorkPool(id=uuid4(), name="pool", type="process")
    with sessions.begin() as session, unguarded(session):
        session.add_all([Flow(id=FLOW, name="etl"), pool])
        session.flush()
        session.add_all(WorkQueue(id=id_, name=str(id_), work_pool_id=pool.id) for id_ in QUEUES)
        session.add_all(ConcurrencyLimit(id=id_, name=str(id_), limit=1) for id_ in LIMITS)


def first_values() -> dict[str, Any]:
    return {"name": "nightly", "flow_id": FLOW, **{field: pair[0] for field, pair in VALUES.items()}}


def commit(sessions: sessionmaker[Session], change: Any) -> Change:
    """Run one statement with its record, commit (the eager task runs then), and return the change."""
    with sessions() as session:
        changes: list[Change] = change(session)
        record(session, changes)
        session.commit()
    assert len(changes) == 1
    return changes[0]


def create(session: Session) -> list[Change]:
    change = upsert_row(session, DEPLOYMENT, first_values(), ("flow_id", "name"))
    assert change is not None
    return [change]


def event_of(sessions: sessionmaker[Session], change: Change) -> EventRow:
    with sessions() as session:
        return session.query(EventRow).filter_by(id=change.event_id).one()


def test_every_column_of_a_deployment_is_tracked_or_known_not_to_change() -> None:
    assert set(table_of(DEPLOYMENT).columns.keys()) == set(DEPLOYMENT.tracked) | OTHER_COLUMNS


def test_every_tracked_field_is_tested() -> None:
    assert set(VALUES) == set(DEPLOYMENT.tracked)


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


def test_the_tracked_kinds_are_known() -> None:
    assert [kind.name for kind in tracked_kinds()] == [
        "flow",
        "work-pool",
        "work-queue",
        "concurrency-limit",
        "deployment",
    ]


def test_creation_carries_every_tracked_field(registry: None, sessions: sessionmaker[Session]) -> None:
    event = event_of(sessions, commit(sessions, create))
    fields = {field: str(pair[0]) if isinstance(pair[0], UUID) else pair[0] for field, pair in VALUES.items()}
    assert event.payload == {"fields": fields}


@pytest.mark.parametrize("field", VALUES)
def test_an_update_of_one_field_is_announced_alone_by_patch(
    field: str, registry: None, sessions: sessionmaker[Session]
) -> None:
    created = commit(sessions, create)
    value = VALUES[field][1]
    updated = commit(
        sessions, lambda session: update_rows(session, DEPLOYMENT, Deployment.id == created.row["id"], {field: value})
    )
    assert_announced_alone(field, event_of(sessions, updated))


@pytest.mark.parametrize("field", VALUES)
def test_an_update_of_one_field_is_announced_alone_by_upsert(
    field: str, registry: None, sessions: sessionmaker[Session]
) -> None:
    commit(sessions, create)
    values = {**first_values(), field: VALUES[field][1]}

    def upsert(session: Session) -> list[Change]:
        change = upsert_row(session, DEPLOYMENT, values, ("flow_id", "name"))
        assert change is not None
        return [change]

    assert_announced_alone(field, event_of(sessions, commit(sessions, upsert)))


@pytest.mark.parametrize("field", VALUES)
def test_storing_the_same_value_again_is_no_change(field: str, registry: None, sessions: sessionmaker[Session]) -> None:
    created = commit(sessions, create)
    with sessions() as session:
        same = {field: VALUES[field][0]}
        assert update_rows(session, DEPLOYMENT, Deployment.id == created.row["id"], same) == []
        assert upsert_row(session, DEPLOYMENT, first_values(), ("flow_id", "name")) is None


def test_deletion_carries_the_last_value_of_every_tracked_field(
    registry: None, sessions: sessionmaker[Session]
) -> None:
    created = commit(sessions, create)
    deleted = commit(sessions, lambda session: delete_rows(session, DEPLOYMENT, Deployment.id == created.row["id"]))
    first, last = event_of(sessions, created), event_of(sessions, deleted)
    assert last.payload == first.payload
    assert (last.follows, last.revision) == (first.id, 2)


def assert_announced_alone(field: str, event: EventRow) -> None:
    before, after = (str(value) if isinstance(value, UUID) else value for value in VALUES[field])
    assert event.payload == {"updated_fields": [field], "updates": {field: {"from": before, "to": after}}}
