"""Finding resources by name: in the registry, among the tombstones, and in the log."""

from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Engine, event, text
from sqlalchemy.orm import Session, sessionmaker

from app.capture.kind_classes import ResourceKind
from app.capture.kinds import CONCURRENCY_LIMIT, DEPLOYMENT, FLOW, WORK_POOL, WORK_QUEUE
from app.errors import NotFound
from app.log.names import ResourceName, find_ids
from app.models import ConcurrencyLimit, Deployment, EventRow, Flow, Tombstone, WorkPool, WorkQueue
from tests.guard import unguarded
from tests.integration.events_in_log import a_related, an_event, append

Sessions = sessionmaker[Session]
ID = UUID(int=1)
NIGHTLY = ResourceName(DEPLOYMENT, "nightly", "etl")
NAMES = (
    NIGHTLY,
    ResourceName(WORK_QUEUE, "fast", "pool"),
    ResourceName(WORK_POOL, "pool"),
    ResourceName(FLOW, "etl"),
    ResourceName(CONCURRENCY_LIMIT, "g1"),
)
each_name = pytest.mark.parametrize("wanted", NAMES, ids=[name.kind.name for name in NAMES])


def store(sessions: Sessions, *rows: Any) -> None:
    with sessions.begin() as session, unguarded(session):
        for row in rows:
            session.add(row)
            session.flush()


def found(sessions: Sessions, wanted: ResourceName) -> list[UUID]:
    with sessions() as session:
        return find_ids(session, wanted)


def tracked_event(
    kind: ResourceKind,
    operation: str,
    revision: int,
    name: str,
    *,
    owner: str | None = None,
    id_: UUID = ID,
    **payload: Any,
) -> EventRow:
    """Return an event of a tracked resource with the resource's name and its owner's name."""
    related = []
    if kind.owner is not None and owner is not None:
        related = [a_related("an id", kind.owner.role, prefect_resource_name=owner)]
    logged = an_event(
        event=f"aftercommit.{kind.name}.skipped" if operation == "skipped" else kind.event_name(operation),
        resource_id=kind.resource_id(id_),
        name=name,
        related=related,
        payload=payload,
    )
    logged.revision = revision
    return logged


@each_name
def test_an_existing_resource_is_found(wanted: ResourceName, sessions: Sessions) -> None:
    flow, pool = Flow(id=uuid4(), name="etl"), WorkPool(id=uuid4(), name="pool", type="process")
    rows: dict[str, Any] = {
        "flow": flow,
        "work-pool": pool,
        "work-queue": WorkQueue(id=uuid4(), name="fast", work_pool_id=pool.id),
        "concurrency-limit": ConcurrencyLimit(id=uuid4(), name="g1", limit=1),
        "deployment": Deployment(id=uuid4(), name="nightly", flow_id=flow.id),
    }
    store(sessions, *rows.values())
    assert found(sessions, wanted) == [rows[wanted.kind.name].id]


@each_name
@pytest.mark.parametrize("owner_exists", [True, False])
def test_a_deleted_resource_is_found_whether_or_not_its_owner_exists(
    wanted: ResourceName, owner_exists: bool, sessions: Sessions
) -> None:
    owners = [Flow(id=UUID(int=2), name="etl"), WorkPool(id=UUID(int=3), name="pool", type="process")]
    tombstones = [
        Tombstone(id=UUID(int=2), kind="flow", name="etl", revision=2),
        Tombstone(id=UUID(int=3), kind="work-pool", name="pool", revision=2),
    ]
    attributes = {"flow_id": str(UUID(int=2)), "work_pool_id": str(UUID(int=3))}
    other = {"flow_id": str(uuid4()), "work_pool_id": str(uuid4())}
    store(
        sessions,
        *(owners if owner_exists else tombstones),
        Tombstone(id=ID, kind=wanted.kind.name, name=wanted.name, attributes=attributes, revision=2),
        Tombstone(id=uuid4(), kind="block-document", name=wanted.name, attributes=attributes, revision=2),
        Tombstone(id=uuid4(), kind=wanted.kind.name, name="another", attributes=attributes, revision=2),
    )
    if wanted.owner is not None:
        store(sessions, Tombstone(id=uuid4(), kind=wanted.kind.name, name=wanted.name, attributes=other, revision=2))
    assert ID in found(sessions, wanted)
    assert len(found(sessions, wanted)) == (2 if wanted.kind.name in ("flow", "work-pool") else 1)


@each_name
def test_a_resource_that_only_the_log_knows_is_found(wanted: ResourceName, sessions: Sessions) -> None:
    append(
        sessions,
        tracked_event(wanted.kind, "created", 1, wanted.name, owner=wanted.owner),
        tracked_event(wanted.kind, "created", 1, "another", owner=wanted.owner, id_=uuid4()),
        tracked_event(DEPLOYMENT, "created", 1, wanted.name, owner="elsewhere", id_=uuid4()),
    )
    assert found(sessions, wanted) == [ID]


@pytest.mark.parametrize("name", ["one", "two", "three"])
def test_a_resource_is_found_by_every_name_that_it_had(name: str, sessions: Sessions) -> None:
    append(
        sessions,
        tracked_event(WORK_QUEUE, "created", 1, "one", owner="pool"),
        tracked_event(WORK_QUEUE, "updated", 2, "two", owner="pool", updates={"name": {"from": "one", "to": "two"}}),
        tracked_event(
            WORK_QUEUE, "updated", 3, "three", owner="pool", updates={"name": {"from": "two", "to": "three"}}
        ),
        tracked_event(WORK_QUEUE, "updated", 4, "three", owner="pool", updates={"priority": {"from": 1, "to": 2}}),
    )
    assert found(sessions, ResourceName(WORK_QUEUE, name, "pool")) == [ID]


def test_a_name_from_a_skipped_change_is_found(sessions: Sessions) -> None:
    append(
        sessions,
        tracked_event(WORK_QUEUE, "created", 1, "one", owner="pool"),
        tracked_event(WORK_QUEUE, "skipped", 2, "two", skipped={"operation": "updated"}),
    )
    assert found(sessions, ResourceName(WORK_QUEUE, "two", "pool")) == [ID]


def test_a_client_event_names_no_resource(sessions: Sessions) -> None:
    logged = tracked_event(DEPLOYMENT, "created", 1, "nightly", owner="etl")
    logged.revision = None
    append(sessions, logged)
    with pytest.raises(NotFound, match="No deployment is known by that name"):
        found(sessions, NIGHTLY)


@pytest.mark.own_database
def test_the_log_is_searched_for_a_name_by_index(engine: Engine, sessions: Sessions) -> None:
    with sessions() as session:
        connection = session.connection()
        # On a small table a sequential scan is cheapest; the test asks whether the index can be used.
        session.execute(text("SET LOCAL enable_seqscan = off"))
        plans: list[str] = []

        def explain(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> tuple[str, Any]:
            plans.extend(connection.connection.cursor().execute(f"EXPLAIN {statement}", parameters).fetchall())
            return statement, parameters

        event.listen(connection, "before_cursor_execute", explain, retval=True)
        with pytest.raises(NotFound):
            find_ids(session, NIGHTLY)
    assert any("ix_event_resource_name" in str(line) for line in plans)
