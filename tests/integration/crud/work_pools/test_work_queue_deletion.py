"""Work queues over HTTP: deleting."""

from fastapi.testclient import TestClient
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session, sessionmaker

from app.crud.work_pools.queue_order import lock_pool
from app.models import Deployment, Tombstone, WorkPool
from tests.guard import unguarded
from tests.integration.registry import AGENT_POOL, make_deployment, make_flow, make_pool, make_queue, priorities
from tests.integration.side_by_side import all_at_once, while_blocked

RECORDED = {
    "name": "q1",
    "description": None,
    "is_paused": False,
    "concurrency_limit": None,
    "priority": None,
    "filter": None,
}


def test_a_queue_without_a_pool_is_created_in_the_default_agent_pool(client: TestClient) -> None:
    response = client.post("/work_queues/", json=RECORDED)

    queue = response.json()
    assert (response.status_code, queue["work_pool_name"], queue["priority"]) == (201, AGENT_POOL, 2)
    pool = client.get(f"/work_pools/{AGENT_POOL}").json()
    assert (pool["id"], pool["type"]) == (queue["work_pool_id"], "prefect-agent")
    assert priorities(client, AGENT_POOL) == {"default": 1, "q1": 2}
    assert client.get("/work_queues/name/q1").json() == queue


def test_a_deleted_queue_is_removed_from_its_deployments_and_its_tombstone_has_its_name(
    client: TestClient, sessions: sessionmaker[Session]
) -> None:
    make_pool(client)
    deployment = make_deployment(client, make_flow(client, "etl"), "d", work_pool_name="pool", work_queue_name="q1")

    assert client.delete(f"/work_queues/{deployment['work_queue_id']}").status_code == 204

    assert client.get(f"/deployments/{deployment['id']}").json()["work_queue_id"] is None
    assert client.get(f"/work_queues/{deployment['work_queue_id']}").status_code == 404
    with sessions() as session:
        assert [tombstone.name for tombstone in session.scalars(select(Tombstone))] == ["q1"]


def test_a_queue_is_deleted_by_its_pool_and_name(client: TestClient) -> None:
    make_pool(client)
    make_queue(client, "q1")

    assert client.delete("/work_pools/pool/queues/q1").status_code == 204
    assert priorities(client) == {"default": 1}


def test_the_default_queue_cannot_be_deleted_by_either_route(client: TestClient) -> None:
    pool = make_pool(client)

    for path in (f"/work_queues/{pool['default_queue_id']}", "/work_pools/pool/queues/default"):
        answer = client.delete(path)
        assert (answer.status_code, answer.json()) == (
            409,
            {"detail": "A work pool's default queue cannot be deleted."},
        )
    assert priorities(client) == {"default": 1}


def test_of_ten_concurrent_deletions_of_a_queue_one_succeeds(client: TestClient) -> None:
    make_pool(client)
    queue = make_queue(client, "q1")

    answers = all_at_once(10, lambda _: client.delete(f"/work_queues/{queue['id']}").status_code)

    assert sorted(answers) == [204] + [404] * 9


def test_a_deployment_that_is_written_during_the_deletion_of_its_queue_loses_the_queue(
    client: TestClient, sessions: sessionmaker[Session], engine: Engine
) -> None:
    make_pool(client)
    queue = make_queue(client, "q1")
    flow = make_flow(client, "etl")

    with sessions() as writing:
        deployment = Deployment(name="nightly", flow_id=flow["id"], work_queue_id=queue["id"])
        with unguarded(writing):
            writing.add(deployment)
        with while_blocked(engine, lambda: client.delete(f"/work_queues/{queue['id']}").status_code) as deletion:
            writing.commit()

    assert deletion.result() == 204
    assert client.get(f"/deployments/{deployment.id}").json()["work_queue_id"] is None


def test_a_queue_is_not_deleted_while_the_queues_of_its_pool_are_reordered(
    client: TestClient, sessions: sessionmaker[Session], engine: Engine
) -> None:
    pool = make_pool(client)
    queue = make_queue(client, "q1")

    with sessions() as arranging:
        lock_pool(arranging, WorkPool.id == pool["id"])
        with while_blocked(engine, lambda: client.delete(f"/work_queues/{queue['id']}").status_code) as deletion:
            arranging.rollback()

    assert deletion.result() == 204
