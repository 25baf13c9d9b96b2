"""Each transition of a status makes exactly one event."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from app.capture.attribution import LABEL_OF
from tests.integration.outbox_world import OutboxWorld
from tests.integration.readiness import (
    POLL,
    POOL,
    QUEUE,
    WORKERS,
    deploy,
    events_of,
    heartbeat,
    last_of_unbroken,
    let_readiness_expire,
    let_time_pass,
    log,
    names,
    poll,
    run_readiness_task,
    status,
)
from tests.integration.registry import make_pool
from tests.world import assert_unbroken, related, updates
from workers.readiness import refresh_all_statuses

pytestmark = pytest.mark.usefixtures("audited")


def test_a_pool_is_created_not_ready_and_its_first_heartbeat_makes_it_ready(
    client: TestClient, pool: dict[str, Any]
) -> None:
    heartbeat(client)
    heartbeat(client)

    events = events_of(client, "work-pool", pool["id"])
    assert names(events) == ["created", "ready"]
    assert events[0]["payload"]["fields"]["status"] == "NOT_READY"
    assert updates(last_of_unbroken(events)) == {"status": {"from": "NOT_READY", "to": "READY"}}


def test_a_status_event_of_a_pool_has_its_labels_and_no_related_resource(
    client: TestClient, pool: dict[str, Any]
) -> None:
    heartbeat(client)

    ready = last_of_unbroken(events_of(client, "work-pool", pool["id"]))
    assert (ready["event"], related(ready)) == ("prefect.work-pool.ready", [])
    assert {label: text for label, text in ready["resource"].items() if label not in LABEL_OF.values()} == {
        "prefect.resource.id": f"prefect.work-pool.{pool['id']}",
        "prefect.resource.name": "pool",
        "prefect.work-pool.type": "process",
        "aftercommit.revision": "2",
    }


def test_a_poll_makes_queues_ready_and_then_their_deployments(client: TestClient, pool: dict[str, Any]) -> None:
    deployment = deploy(client)
    heartbeat(client)
    poll(client)

    queue = events_of(client, "work-queue", client.get(QUEUE).json()["id"])
    events = events_of(client, "deployment", deployment)
    assert (names(queue), names(events)) == (["created", "ready"], ["created", "ready"])
    assert related(last_of_unbroken(queue)) == [("work-pool", "pool")]
    assert last_of_unbroken(queue)["resource"]["prefect.resource.role"] == "work-queue"
    assert related(last_of_unbroken(events)) == [("flow", "etl"), ("work-queue", "default"), ("work-pool", "pool")]
    assert updates(last_of_unbroken(events)) == {"status": {"from": "NOT_READY", "to": "READY"}}
    assert last_of_unbroken(queue)["occurred"] < last_of_unbroken(events)["occurred"]


def test_a_poll_without_an_online_worker_has_no_event(client: TestClient, pool: dict[str, Any]) -> None:
    deploy(client)
    before = log(client)
    poll(client)
    poll(client, "default")
    run_readiness_task()

    assert log(client) == before


@pytest.mark.parametrize(("ahead", "is_recorded"), [(timedelta(hours=1), False), (timedelta(seconds=10), True)])
def test_a_poll_for_the_distant_future_has_no_event(
    ahead: timedelta, is_recorded: bool, client: TestClient, pool: dict[str, Any]
) -> None:
    deploy(client)
    heartbeat(client)
    before = log(client)
    body = {"scheduled_before": (datetime.now(UTC) + ahead).isoformat(), "work_queue_names": ["default"]}
    assert client.post(POLL, json=body).json() == []
    assert (log(client) != before) is is_recorded


def test_each_resource_that_is_no_longer_polled_has_a_not_ready_event(
    client: TestClient, pool: dict[str, Any], engine: Engine
) -> None:
    deploy(client)
    heartbeat(client)
    poll(client)
    before = log(client)
    let_readiness_expire(engine)
    run_readiness_task()

    new_events = ["work-pool.not-ready pool", "work-queue.not-ready default", "deployment.not-ready d"]
    assert log(client) == [*before, *new_events]


def test_a_resource_that_is_polled_again_is_ready_again(
    client: TestClient, pool: dict[str, Any], engine: Engine
) -> None:
    deployment = deploy(client)
    for _ in range(2):
        heartbeat(client)
        poll(client)
        let_readiness_expire(engine)

    events = events_of(client, "deployment", deployment)
    assert names(events) == ["created", "ready", "not-ready", "ready", "not-ready"]
    assert_unbroken(events)


def test_the_readiness_task_changes_nothing_while_all_statuses_are_right(
    client: TestClient, pool: dict[str, Any]
) -> None:
    deploy(client)
    heartbeat(client)
    poll(client)
    before = log(client)
    run_readiness_task()

    assert log(client) == before


def test_a_pool_whose_last_worker_is_deleted_is_not_ready_at_once(client: TestClient, pool: dict[str, Any]) -> None:
    heartbeat(client)
    heartbeat(client, name="v")
    client.delete(f"{WORKERS}/v")
    assert status(client, POOL) == "READY"
    client.delete(f"{WORKERS}/w")

    assert names(events_of(client, "work-pool", pool["id"])) == ["created", "ready", "not-ready"]


def test_a_queue_whose_last_poll_is_cleared_is_not_ready(client: TestClient, pool: dict[str, Any]) -> None:
    heartbeat(client)
    poll(client)
    client.patch(QUEUE, json={"last_polled": None})

    assert names(events_of(client, "work-queue", client.get(QUEUE).json()["id"])) == ["created", "ready", "not-ready"]


def test_a_status_change_without_a_doorbell_waits_in_the_outbox(
    outbox_world: OutboxWorld, client: TestClient, engine: Engine
) -> None:
    make_pool(client)
    heartbeat(client)
    poll(client)
    let_time_pass(engine, 1000)
    refresh_all_statuses(outbox_world.sessions)
    assert outbox_world.log() == []

    outbox_world.dispatch_all()
    new_events = [
        "work-pool.created pool",
        "work-queue.created default",
        "work-pool.ready pool",
        "work-queue.ready default",
    ]
    assert sorted(log(client)) == sorted([*new_events, "work-pool.not-ready pool", "work-queue.not-ready default"])
