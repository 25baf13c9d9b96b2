"""The synthetic rows of the benchmark look like those of the service, and the service can process them."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import psycopg
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import func, select
from sqlalchemy.orm import Session, sessionmaker

from app.capture.snapshot import lane_of
from app.models import Deployment, EventRow, SnapshotRow
from benches import bodies, bulk, plain_app, synthetic, synthetic_events
from benches.raw_move import move_all
from benches.synthetic import Template
from tests.integration.outbox_world import OutboxWorld
from tests.integration.registry import make_deployment, make_flow, make_pool

COUNT = 40
EARLIER_EVENTS = 4
"""Events that are in the log already: of two flows, of the pool and of its queue."""


@pytest.fixture
def connection(database_url: str) -> Iterator[psycopg.Connection[Any]]:
    """A connection like the benchmark's."""
    with psycopg.connect(database_url.replace("+psycopg", ""), autocommit=True) as connection:
        yield connection


@pytest.fixture
def captured_creation(client: TestClient, outbox_world: OutboxWorld, sessions: sessionmaker[Session]) -> Template:
    """A captured creation; its flow and its pool exist."""
    make_pool(client, bodies.POOL)
    template = synthetic.capture_template(sessions, make_flow(client, "bench")["id"])
    outbox_world.dispatch_all()
    return template


def count(session: Session, model: type[Any]) -> int:
    """Return the number of rows."""
    return session.scalars(select(func.count()).select_from(model)).one()


def test_capturing_a_creation_leaves_no_deployment(
    captured_creation: Template, sessions: sessionmaker[Session]
) -> None:
    assert captured_creation.after["description"] == "as it was first deployed"
    with sessions() as session:
        assert count(session, Deployment) == count(session, SnapshotRow) == 0


def test_a_synthetic_backlog_is_dispatched_like_a_real_one(
    captured_creation: Template,
    connection: psycopg.Connection[Any],
    outbox_world: OutboxWorld,
    sessions: sessionmaker[Session],
) -> None:
    synthetic.insert_backlog(connection, captured_creation, COUNT)
    with sessions() as session:
        snapshots = session.scalars(select(SnapshotRow)).all()
    assert [row.lane for row in snapshots] == [lane_of(row.resource_id) for row in snapshots]
    outbox_world.dispatcher().dispatch([row.id for row in snapshots])
    with sessions() as session:
        assert count(session, SnapshotRow) == 0
    events = outbox_world.log()
    assert [event.position for event in events] == list(range(EARLIER_EVENTS + 1, EARLIER_EVENTS + COUNT + 1))
    updated = [event for event in events if event.event.endswith("updated")]
    assert len(updated) == COUNT - COUNT // synthetic.REVISIONS
    assert {tuple(event.payload["updated_fields"]) for event in updated} == {("description",)}
    assert {len(event.related) for event in events} == {4}


def test_a_backlog_for_one_lane_is_in_one_lane(
    captured_creation: Template, connection: psycopg.Connection[Any]
) -> None:
    synthetic.insert_backlog(connection, captured_creation, COUNT, one_lane=True)
    rows = connection.execute("SELECT resource_id, lane FROM snapshot").fetchall()
    assert {lane_of(resource_id) for resource_id, _ in rows} == {lane for _, lane in rows} == {0}
    assert len({resource_id for resource_id, _ in rows}) == COUNT // synthetic.REVISIONS


def test_moving_snapshots_with_sql_leaves_the_same_rows_as_the_dispatcher(
    captured_creation: Template,
    connection: psycopg.Connection[Any],
    outbox_world: OutboxWorld,
    sessions: sessionmaker[Session],
) -> None:
    synthetic.insert_backlog(connection, captured_creation, COUNT)
    assert move_all([connection]) > 0
    with sessions() as session:
        assert count(session, SnapshotRow) == 0
    events = outbox_world.log()
    assert [event.position for event in events] == list(range(EARLIER_EVENTS + 1, EARLIER_EVENTS + COUNT + 1))
    assert {len(event.related) for event in events} == {4}
    last: dict[str, int] = {}
    for event in events:
        assert event.revision == last.get(event.resource_id, 0) + 1
        last[event.resource_id] = event.revision or 0


def test_a_synthetic_log_is_read_like_a_real_one(client: TestClient, connection: psycopg.Connection[Any]) -> None:
    synthetic_events.grow_log(connection, 1, 100, 250)
    synthetic_events.grow_log(connection, 101, 250, 250)
    found = synthetic_events.filters_at(connection, 50)

    def total(**wanted: Any) -> int:
        answer = client.post("/events/filter", json={"filter": wanted, "limit": 10})
        assert answer.status_code == 200, answer.text
        return int(answer.json()["total"])

    assert total() == 250
    assert total(resource={"id": [found.resource]}) == synthetic_events.EVENTS_OF_RESOURCE
    assert total(related={"id": [found.flow]}) == synthetic_events.EVENTS_OF_FLOW - 1  # Positions begin at 1.
    assert total(related={"id": [synthetic_events.POOL]}) == 250
    assert total(event={"prefix": [synthetic_events.RARE_NAME[:-3]]}) == 2


def test_copies_of_a_deployment_can_be_deleted_with_their_flow(
    unguarded_world: None,
    client: TestClient,
    connection: psycopg.Connection[Any],
    sessions: sessionmaker[Session],
) -> None:
    flow = make_flow(client, "etl")
    make_deployment(client, flow, "original")
    connection.execute(bulk.COPIES, {"count": COUNT - 1, "flow_id": flow["id"]})
    assert client.delete(f"/flows/{flow['id']}").status_code == 204
    with sessions() as session:
        deleted = select(func.count(EventRow.resource_id.distinct())).where(
            EventRow.event == "prefect.deployment.deleted"
        )
        assert session.scalars(deleted).one() == COUNT


def test_the_plain_route_responds_like_the_product_and_captures_nothing(
    unguarded_world: None, client: TestClient, sessions: sessionmaker[Session]
) -> None:
    make_pool(client, bodies.POOL)
    flow = make_flow(client, "etl")
    with TestClient(plain_app.create_plain_app(), base_url="http://localhost/api") as plain:
        answer = plain.post("/deployments/", json=bodies.deployment(flow["id"], "plain"))
    assert answer.status_code == 201, answer.text
    product = client.get(f"/deployments/{answer.json()['id']}")
    assert answer.json() == product.json()
    with sessions() as session:
        assert count(session, SnapshotRow) == 0
        of_deployments = select(EventRow).where(EventRow.resource_id.startswith("prefect.deployment."))
        assert session.scalars(of_deployments).all() == []
        assert session.get(Deployment, UUID(answer.json()["id"])) is not None
