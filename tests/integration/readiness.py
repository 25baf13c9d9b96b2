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
    """Let the pool's worker live."""
    assert client.post(f"{WORKERS}/heartbeat", json={"name": "w", **more}).status_code == 204


def poll(client: TestClient, *queues: str) -> None:
    """Ask for the runs of the pool, or of these queues of it; a worker does that, if one lives."""
    assert client.post(POLL, json={"work_queue_names": queues} if queues else {}).json() == []


def serve(client: TestClient, *ids: str) -> None:
    """Ask for the runs of these deployments."""
    assert client.post(SERVE, json={"deployment_ids": ids}).json() == []


def deploy(client: TestClient, name: str = "d", pool: str | None = "pool") -> str:
    """Create a deployment of a flow that may exist already, in the default queue of the pool; return its id."""
    flow = client.post("/flows/", json={"name": "etl"}).json()
    id_: str = make_deployment(client, flow, name, **({"work_pool_name": pool} if pool else {}))["id"]
    return id_


def let_time_pass(engine: Engine, seconds: float) -> None:
    """Put back all times of polls and heartbeats."""
    ago = timedelta(seconds=seconds)
    with engine.begin() as connection:
        connection.execute(update(WorkQueue).values(last_polled=WorkQueue.last_polled - ago))
        connection.execute(update(Deployment).values(last_polled=Deployment.last_polled - ago))
        connection.execute(update(PoolWorker).values(online_until=PoolWorker.online_until - ago))


def look() -> None:
    """Do what beat has done every few seconds."""
    broker.celery(get_settings()).signature(READINESS).apply_async()


def fall_silent(engine: Engine) -> None:
    """Let so much time pass that nothing is ready any more, and look."""
    let_time_pass(engine, 1000)
    look()


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
    """Return what happened, without the kind."""
    return [event["event"].rpartition(".")[2] for event in events]


def log(client: TestClient) -> list[str]:
    """Return the names of all events but those of flows, oldest first, each with the name of its resource."""
    events = client.post("/events/filter", json={"filter": {"order": "ASC"}}).json()["events"]
    told = [(event["event"].removeprefix("prefect."), event["resource"]["prefect.resource.name"]) for event in events]
    return [f"{event} {name}" for event, name in told if not event.startswith("flow.")]


def last(events: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the last of a resource's events, whose revisions and fields follow from each other."""
    assert_unbroken(events)
    return events[-1]
