"""Work pools over HTTP: deleting them with their queues."""

from fastapi.testclient import TestClient
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session, sessionmaker

from app.crud.work_pools.queues import resolve_queue
from app.models import Deployment, Tombstone
from tests.guard import unguarded
from tests.integration.registry import make_deployment, make_flow, make_pool
from tests.integration.side_by_side import all_at_once, while_blocked


def test_a_deleted_pool_is_deleted_with_its_queues_and_its_deployments_have_no_queue(
    client: TestClient, sessions: sessionmaker[Session]
) -> None:
    pool = make_pool(client)
    flow = make_flow(client, "etl")
    used = [
        make_deployment(client, flow, "default", work_pool_name="pool"),
        make_deployment(client, flow, "q1", work_pool_name="pool", work_queue_name="q1"),
    ]

    assert client.delete("/work_pools/pool").status_code == 204

    for deployment in used:
        after = client.get(f"/deployments/{deployment['id']}").json()
        assert (after["work_queue_id"], after["work_pool_name"]) == (None, None)
    assert client.get(f"/work_queues/{pool['default_queue_id']}").status_code == 404
    with sessions() as session:
        buried = {tombstone.name: tombstone for tombstone in session.scalars(select(Tombstone))}
    assert set(buried) == {"pool", "default", "q1"}
    assert (buried["pool"].kind, buried["pool"].attributes) == ("work-pool", {"type": "process"})
    assert (buried["q1"].kind, buried["q1"].attributes) == ("work-queue", {"work_pool_id": pool["id"]})


def test_of_ten_concurrent_deletions_of_a_pool_one_succeeds(client: TestClient) -> None:
    make_pool(client)

    answers = all_at_once(10, lambda _: client.delete("/work_pools/pool").status_code)

    assert sorted(answers) == [204] + [404] * 9


def test_a_deployment_that_is_written_during_the_deletion_of_its_pool_loses_its_queue(
    client: TestClient, sessions: sessionmaker[Session], engine: Engine
) -> None:
    make_pool(client)
    flow = make_flow(client, "etl")

    with sessions() as writing:
        queue_id = resolve_queue(writing, "pool", None)
        deployment = Deployment(name="nightly", flow_id=flow["id"], work_queue_id=queue_id)
        with unguarded(writing):
            writing.add(deployment)
        with while_blocked(engine, lambda: client.delete("/work_pools/pool").status_code) as deletion:
            writing.commit()

    assert deletion.result() == 204
    assert client.get(f"/deployments/{deployment.id}").json()["work_queue_id"] is None


def test_no_queue_can_be_created_in_a_pool_that_is_being_deleted(client: TestClient, engine: Engine) -> None:
    make_pool(client)

    with engine.begin() as deleting:
        deleting.exec_driver_sql("SELECT 1 FROM work_pool FOR UPDATE")
        with while_blocked(engine, lambda: client.post("/work_pools/pool/queues", json={"name": "q"})) as creation:
            with unguarded(deleting):
                deleting.exec_driver_sql("DELETE FROM work_queue")
                deleting.exec_driver_sql("DELETE FROM work_pool")
            deleting.commit()

    assert (creation.result().status_code, creation.result().json()) == (404, {"detail": "Work pool not found"})
