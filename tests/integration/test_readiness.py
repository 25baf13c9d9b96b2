"""Pools, queues and deployments become ready while workers ask for their runs, and a look changes nothing."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine, func, update

from app.models import Deployment, PoolWorker, WorkQueue
from tests.integration.registry import make_deployment, make_flow, make_pool, make_queue

POLL = "/work_pools/pool/get_scheduled_flow_runs"
HEARTBEAT = "/work_pools/pool/workers/heartbeat"
SERVE = "/deployments/get_scheduled_flow_runs"


@pytest.fixture
def deployment(client: TestClient) -> str:
    """The path of a deployment of the pool's default queue."""
    make_pool(client)
    return f"/deployments/{make_deployment(client, make_flow(client, 'etl'), 'd', work_pool_name='pool')['id']}"


def heartbeat(client: TestClient, **more: Any) -> None:
    assert client.post(HEARTBEAT, json={"name": "w", **more}).status_code == 204


def statuses(client: TestClient, deployment: str) -> tuple[str, str, str]:
    """Return the status of the pool, of its default queue and of the deployment."""
    paths = ("/work_pools/pool", "/work_pools/pool/queues/default", deployment)
    pool, queue, deployed = (client.get(path).json()["status"] for path in paths)
    return pool, queue, deployed


def let_time_pass(engine: Engine, seconds: int) -> None:
    """Put back all times of polls and heartbeats."""
    ago = timedelta(seconds=seconds)
    with engine.begin() as connection:
        connection.execute(update(WorkQueue).values(last_polled=WorkQueue.last_polled - ago))
        connection.execute(update(Deployment).values(last_polled=Deployment.last_polled - ago))
        connection.execute(update(PoolWorker).values(online_until=PoolWorker.online_until - ago))


def test_nothing_is_ready_before_anybody_asks(client: TestClient, deployment: str) -> None:
    assert statuses(client, deployment) == ("NOT_READY", "NOT_READY", "NOT_READY")
    assert client.get(deployment).json()["last_polled"] is None


def test_a_heartbeat_makes_the_pool_ready_and_nothing_else(client: TestClient, deployment: str) -> None:
    heartbeat(client)

    assert statuses(client, deployment) == ("READY", "NOT_READY", "NOT_READY")


def test_a_workers_poll_makes_queues_and_deployments_ready(client: TestClient, deployment: str) -> None:
    heartbeat(client)

    assert client.post(POLL, json={}).json() == []

    assert statuses(client, deployment) == ("READY", "READY", "READY")
    assert client.get(deployment).json()["last_polled"] is not None


def test_a_poll_without_a_living_worker_is_a_look_and_changes_nothing(client: TestClient, deployment: str) -> None:
    assert client.post(POLL, json={}).json() == []

    assert statuses(client, deployment) == ("NOT_READY", "NOT_READY", "NOT_READY")


def test_a_poll_makes_the_named_queues_ready_only(client: TestClient, deployment: str) -> None:
    make_queue(client, "q")
    heartbeat(client)

    client.post(POLL, json={"work_queue_names": ["q"]})

    assert client.get("/work_pools/pool/queues/q").json()["status"] == "READY"
    assert statuses(client, deployment) == ("READY", "NOT_READY", "NOT_READY")


def test_a_poll_of_a_missing_queue_is_not_found(client: TestClient, deployment: str) -> None:
    answer = client.post(POLL, json={"work_queue_names": ["none"]})

    assert (answer.status_code, answer.json()) == (404, {"detail": "Work queue not found"})


def test_what_is_paused_stays_paused(client: TestClient, deployment: str) -> None:
    client.patch("/work_pools/pool", json={"is_paused": True})
    queue = client.get("/work_pools/pool/queues/default").json()
    client.patch(f"/work_queues/{queue['id']}", json={"is_paused": True})
    heartbeat(client)
    client.post(POLL, json={})

    assert statuses(client, deployment) == ("PAUSED", "PAUSED", "READY")


def test_without_polls_and_heartbeats_it_ends(client: TestClient, deployment: str, engine: Engine) -> None:
    heartbeat(client)
    client.post(POLL, json={})

    let_time_pass(engine, 61)
    assert statuses(client, deployment) == ("READY", "NOT_READY", "NOT_READY")
    let_time_pass(engine, 30)
    assert statuses(client, deployment) == ("NOT_READY", "NOT_READY", "NOT_READY")


def test_a_worker_says_how_long_it_takes_between_heartbeats(
    client: TestClient, deployment: str, engine: Engine
) -> None:
    heartbeat(client, heartbeat_interval_seconds=100)

    let_time_pass(engine, 299)
    assert statuses(client, deployment)[0] == "READY"
    let_time_pass(engine, 2)
    assert statuses(client, deployment)[0] == "NOT_READY"


def test_serving_makes_exactly_the_served_deployments_ready(client: TestClient) -> None:
    flow = make_flow(client, "etl")
    served, other = (f"/deployments/{make_deployment(client, flow, name)['id']}" for name in ("a", "b"))

    answer = client.post(SERVE, json={"deployment_ids": [served.rpartition("/")[2], str(uuid4())]})

    assert (answer.status_code, answer.json()) == (200, [])
    assert [client.get(path).json()["status"] for path in (served, other)] == ["READY", "NOT_READY"]


def test_a_poll_is_no_change_of_anything(client: TestClient, deployment: str) -> None:
    before = client.get(deployment).json()["updated"], client.get("/work_pools/pool/queues/default").json()["updated"]
    heartbeat(client)
    client.post(POLL, json={})
    client.post(SERVE, json={"deployment_ids": [deployment.rpartition("/")[2]]})

    after = client.get(deployment).json()["updated"], client.get("/work_pools/pool/queues/default").json()["updated"]
    assert after == before
    assert client.post("/events/filter", json={}).json()["total"] == 1


def test_polls_in_close_succession_are_written_down_once(client: TestClient, deployment: str, engine: Engine) -> None:
    def poll() -> str:
        client.post(POLL, json={})
        polled: str = client.get(deployment).json()["last_polled"]
        return polled

    heartbeat(client)
    first = poll()
    assert poll() == first
    let_time_pass(engine, 6)
    assert poll() > first


def test_a_poll_waits_for_nobody(client: TestClient, deployment: str, engine: Engine) -> None:
    heartbeat(client)
    with engine.begin() as connection:
        connection.execute(update(WorkQueue).values(description=func.concat(WorkQueue.description, ".")))
        assert client.post(POLL, json={}).status_code == 200
        assert statuses(client, deployment) == ("READY", "NOT_READY", "NOT_READY")
    client.post(POLL, json={})
    assert statuses(client, deployment) == ("READY", "READY", "READY")
