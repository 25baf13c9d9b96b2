"""An event is built with the current names of its related resources, or with the last name of a deleted one."""

import pytest
from fastapi.testclient import TestClient

from app.postgres.engine import make_engine, make_sessions
from app.settings import Settings
from tests.integration.outbox_world import OutboxWorld
from tests.integration.registry import make_flow, make_pool, make_queue
from tests.statements import StatementCount
from tests.world import related


@pytest.fixture
def deployment(client: TestClient, outbox_world: OutboxWorld) -> str:
    """A deployment with every kind of related resource; its creation is not dispatched yet."""
    make_pool(client)
    make_queue(client, "q1")
    limit = client.post("/v2/concurrency_limits/", json={"name": "g1", "limit": 1}).json()["id"]
    body = {
        "name": "d",
        "flow_id": make_flow(client, "flow")["id"],
        "work_pool_name": "pool",
        "work_queue_name": "q1",
        "global_concurrency_limit_id": limit,
    }
    response = client.post("/deployments/", json=body)
    assert response.status_code == 201, response.text
    return str(response.json()["id"])


def creation(client: TestClient, deployment: str) -> list[tuple[str, str | None]]:
    """Return the related resources of the deployment's creation event."""
    wanted = {"resource": {"id": [f"prefect.deployment.{deployment}"]}, "order": "ASC"}
    return related(client.post("/events/filter", json={"filter": wanted}).json()["events"][0])


ALL_RELATED = [("flow", "flow"), ("work-queue", "q1"), ("work-pool", "pool"), ("concurrency-limit", "g1")]


@pytest.mark.parametrize(
    "gone", ["/work_pools/pool", "/work_pools/pool/queues/q1", "/v2/concurrency_limits/g1", "flow"]
)
def test_a_related_resource_that_was_deleted_since_has_its_last_name(
    gone: str, client: TestClient, deployment: str, outbox_world: OutboxWorld
) -> None:
    path = gone if gone != "flow" else f"/flows/{client.get('/flows/name/flow').json()['id']}"
    assert client.delete(path).status_code == 204
    outbox_world.dispatch_all()
    assert creation(client, deployment) == ALL_RELATED


def test_a_related_queue_that_was_renamed_since_has_its_new_name(
    client: TestClient, deployment: str, outbox_world: OutboxWorld
) -> None:
    queue = client.get("/work_pools/pool/queues/q1").json()["id"]
    assert client.patch(f"/work_queues/{queue}", json={"name": "renamed"}).status_code == 204
    outbox_world.dispatch_all()
    assert creation(client, deployment) == [(role, "renamed" if name == "q1" else name) for role, name in ALL_RELATED]


def test_a_related_queue_that_was_renamed_and_deleted_since_has_its_last_name(
    client: TestClient, deployment: str, outbox_world: OutboxWorld
) -> None:
    queue = client.get("/work_pools/pool/queues/q1").json()["id"]
    client.patch(f"/work_queues/{queue}", json={"name": "renamed"})
    client.delete(f"/work_queues/{queue}")
    outbox_world.dispatch_all()
    assert ("work-queue", "renamed") in creation(client, deployment)


def test_a_deleted_pool_still_names_its_default_queue(client: TestClient, outbox_world: OutboxWorld) -> None:
    pool = make_pool(client)
    client.delete("/work_pools/pool")
    outbox_world.dispatch_all()
    wanted = {"resource": {"id": [f"prefect.work-pool.{pool['id']}"]}, "event": {"prefix": ["prefect.work-pool"]}}
    events = client.post("/events/filter", json={"filter": wanted}).json()["events"]
    ends = [event for event in events if event["event"].endswith(("created", "deleted"))]
    assert [related(event) for event in ends] == [[("default-queue", "default")]] * 2


def test_all_existing_related_resources_are_found_in_one_statement(
    deployment: str, outbox_world: OutboxWorld, settings: Settings
) -> None:
    engine = make_engine(settings, application_name="counted")
    seen = StatementCount(engine)
    world = OutboxWorld(make_sessions(engine), settings)
    world.dispatcher().dispatch([row.id for row in outbox_world.pending() if str(row.resource_id) == deployment])
    engine.dispose()
    assert len([statement for statement in seen.statements if "tombstone" in statement]) == 1
