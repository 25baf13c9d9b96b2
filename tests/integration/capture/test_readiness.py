"""Pools, queues and deployments become ready while workers poll for their runs, and stop being ready without polls."""

from uuid import uuid4

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine, update

from app.models import WorkQueue
from tests.integration.readiness import POLL, QUEUE, heartbeat, let_time_pass, poll, run_readiness_task, serve, status
from tests.integration.registry import make_deployment, make_flow, make_pool, make_queue


@pytest.fixture
def deployment(client: TestClient) -> str:
    """The path of a deployment in the pool's default queue."""
    make_pool(client)
    return f"/deployments/{make_deployment(client, make_flow(client, 'etl'), 'd', work_pool_name='pool')['id']}"


def statuses(client: TestClient, deployment: str) -> tuple[str, str, str]:
    """Return the status of the pool, of its default queue and of the deployment."""
    pool, queue, deployed = (str(status(client, path)) for path in ("/work_pools/pool", QUEUE, deployment))
    return pool, queue, deployed


def test_nothing_is_ready_before_the_first_poll(client: TestClient, deployment: str) -> None:
    assert statuses(client, deployment) == ("NOT_READY", "NOT_READY", "NOT_READY")
    assert client.get(deployment).json()["last_polled"] is None


def test_a_heartbeat_makes_only_the_pool_ready(client: TestClient, deployment: str) -> None:
    heartbeat(client)

    assert statuses(client, deployment) == ("READY", "NOT_READY", "NOT_READY")


def test_a_poll_of_a_worker_makes_queues_and_deployments_ready(client: TestClient, deployment: str) -> None:
    heartbeat(client)

    poll(client)

    assert statuses(client, deployment) == ("READY", "READY", "READY")
    assert client.get(deployment).json()["last_polled"] is not None


def test_a_poll_without_an_online_worker_changes_nothing(client: TestClient, deployment: str) -> None:
    poll(client)

    assert statuses(client, deployment) == ("NOT_READY", "NOT_READY", "NOT_READY")


def test_a_poll_makes_only_the_named_queues_ready(client: TestClient, deployment: str) -> None:
    make_queue(client, "q")
    heartbeat(client)

    poll(client, "q")

    assert client.get("/work_pools/pool/queues/q").json()["status"] == "READY"
    assert statuses(client, deployment) == ("READY", "NOT_READY", "NOT_READY")


def test_a_poll_of_a_missing_queue_is_not_found(client: TestClient, deployment: str) -> None:
    answer = client.post(POLL, json={"work_queue_names": ["none"]})

    assert (answer.status_code, answer.json()) == (404, {"detail": "Work queue not found"})


def test_a_paused_pool_or_queue_stays_paused(client: TestClient, deployment: str) -> None:
    client.patch("/work_pools/pool", json={"is_paused": True})
    queue = client.get("/work_pools/pool/queues/default").json()
    client.patch(f"/work_queues/{queue['id']}", json={"is_paused": True})
    heartbeat(client)
    poll(client)

    assert statuses(client, deployment) == ("PAUSED", "PAUSED", "READY")


def test_readiness_ends_without_polls_and_heartbeats(client: TestClient, deployment: str, engine: Engine) -> None:
    heartbeat(client)
    poll(client)

    let_time_pass(engine, 61)
    run_readiness_task()
    assert statuses(client, deployment) == ("READY", "NOT_READY", "NOT_READY")
    let_time_pass(engine, 30)
    run_readiness_task()
    assert statuses(client, deployment) == ("NOT_READY", "NOT_READY", "NOT_READY")


def test_a_pool_stays_ready_for_three_heartbeat_intervals_of_its_worker(
    client: TestClient, deployment: str, engine: Engine
) -> None:
    heartbeat(client, heartbeat_interval_seconds=100)

    let_time_pass(engine, 270)
    run_readiness_task()
    assert statuses(client, deployment)[0] == "READY"
    let_time_pass(engine, 31)
    run_readiness_task()
    assert statuses(client, deployment)[0] == "NOT_READY"


def test_serving_makes_only_the_served_deployments_ready(client: TestClient) -> None:
    flow = make_flow(client, "etl")
    served, other = (f"/deployments/{make_deployment(client, flow, name)['id']}" for name in ("a", "b"))

    serve(client, served.rpartition("/")[2], str(uuid4()))

    assert [client.get(path).json()["status"] for path in (served, other)] == ["READY", "NOT_READY"]


def test_a_poll_of_ready_resources_changes_nothing(client: TestClient, deployment: str, engine: Engine) -> None:
    def work() -> None:
        heartbeat(client)
        poll(client)
        serve(client, deployment.rpartition("/")[2])

    def seen() -> list[str]:
        total = client.post("/events/filter", json={}).json()["total"]
        return [total, *(client.get(path).json()["updated"] for path in ("/work_pools/pool", QUEUE, deployment))]

    work()
    before = seen()
    let_time_pass(engine, 30)
    work()
    run_readiness_task()

    assert seen() == before


def test_polls_in_quick_succession_are_stored_once(client: TestClient, deployment: str, engine: Engine) -> None:
    def polled_at() -> str:
        poll(client)
        polled: str = client.get(deployment).json()["last_polled"]
        return polled

    heartbeat(client)
    first = polled_at()
    assert polled_at() == first
    let_time_pass(engine, 6)
    assert polled_at() > first


def test_a_poll_does_not_wait_for_a_locked_queue(client: TestClient, deployment: str, engine: Engine) -> None:
    heartbeat(client)
    with engine.begin() as connection:
        # This update changes nothing but locks the row.
        connection.execute(update(WorkQueue).values(description=WorkQueue.description))
        assert client.post(POLL, json={}).status_code == 200
        assert statuses(client, deployment) == ("READY", "NOT_READY", "NOT_READY")
    poll(client)
    assert statuses(client, deployment) == ("READY", "READY", "READY")
