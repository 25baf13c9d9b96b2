"""Helpers that change the readiness of the pool named `pool`, and that read the resulting events."""

from datetime import timedelta
from typing import Any

from fastapi.testclient import TestClient
from sqlalchemy import Engine, update

from app.broker import doorbells as broker
from app.broker.contract import READINESS
from app.models import Deployment, PoolWorker, WorkQueue
from app.settings import get_settings
from tests.integration.registry import make_deployment
from tests.world import assert_unbroken

POLL = "/work_pools/pool/get_scheduled_flow_runs"
WORKERS = "/work_pools/pool/workers"
SERVE = "/deployments/get_scheduled_flow_runs"
POOL = "/work_pools/pool"
QUEUE = "/work_pools/pool/queues/default"

JsonEvent = dict[str, Any]


def heartbeat(client: TestClient, **more: Any) -> None:
    """Send a heartbeat of the pool's worker."""
    assert client.post(f"{WORKERS}/heartbeat", json={"name": "w", **more}).status_code == 204


def poll(client: TestClient, *queues: str) -> None:
    """Poll the pool, or only these queues, for runs as a worker does; this counts only if a worker is online."""
    assert client.post(POLL, json={"work_queue_names": queues} if queues else {}).json() == []


def serve(client: TestClient, *ids: str) -> None:
    """Poll for the runs of these deployments, as a serving process does."""
    assert client.post(SERVE, json={"deployment_ids": ids}).json() == []


def deploy(client: TestClient, name: str = "d", pool: str | None = "pool") -> str:
    """Create a deployment in the pool's default queue and return its id; its flow may exist already."""
    flow = client.post("/flows/", json={"name": "etl"}).json()
    id_: str = make_deployment(client, flow, name, **({"work_pool_name": pool} if pool else {}))["id"]
    return id_


def let_time_pass(engine: Engine, seconds: float) -> None:
    """Move the times of all polls and heartbeats into the past."""
    ago = timedelta(seconds=seconds)
    with engine.begin() as connection:
        connection.execute(update(WorkQueue).values(last_polled=WorkQueue.last_polled - ago))
        connection.execute(update(Deployment).values(last_polled=Deployment.last_polled - ago))
        connection.execute(update(PoolWorker).values(online_until=PoolWorker.online_until - ago))


def run_readiness_task() -> None:
    """Run the readiness task that beat runs every few seconds."""
    broker.celery(get_settings()).signature(READINESS).apply_async()


def let_readiness_expire(engine: Engine) -> None:
    """Let enough time pass that nothing is ready any more, and run the readiness task."""
    let_time_pass(engine, 1000)
    run_readiness_task()


def status(client: TestClient, path: str) -> str | None:
    """Return the status of the resource at that path."""
    found: str | None = client.get(path).json()["status"]
    return found


def events_of(client: TestClient, kind: str, id_: str) -> list[JsonEvent]:
    """Return the events of a resource, oldest first."""
    wanted = {"resource": {"id": [f"prefect.{kind}.{id_}"]}, "order": "ASC"}
    events: list[JsonEvent] = client.post("/events/filter", json={"filter": wanted}).json()["events"]
    return events


def names(events: list[JsonEvent]) -> list[str]:
    """Return the events' names without the kind."""
    return [event["event"].rpartition(".")[2] for event in events]


def log(client: TestClient) -> list[str]:
    """Return the names of all events except those of flows, oldest first, each with its resource's name."""
    events = client.post("/events/filter", json={"filter": {"order": "ASC"}}).json()["events"]
    names_of_events = [
        (event["event"].removeprefix("prefect."), event["resource"]["prefect.resource.name"]) for event in events
    ]
    return [f"{event} {name}" for event, name in names_of_events if not event.startswith("flow.")]


def last_of_unbroken(events: list[dict[str, Any]]) -> dict[str, Any]:
    """Assert that the revisions and fields of a resource's events are unbroken; return the last event."""
    assert_unbroken(events)
    return events[-1]
