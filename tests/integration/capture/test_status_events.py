"""Each transition of a status makes exactly one event."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from tests.integration.outbox_world import OutboxWorld
from tests.integration.readiness import (
    POLL,
    POOL,
    QUEUE,
    WORKERS,
    deploy,
    events_of,
    fall_silent,
    heartbeat,
    last,
    let_time_pass,
    log,
    look,
    names,
    poll,
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
    assert updates(last(events)) == {"status": {"from": "NOT_READY", "to": "READY"}}


def test_a_status_event_of_a_pool_has_the_labels_of_the_catalogue_and_relates_to_nothing(
    client: TestClient, pool: dict[str, Any]
) -> None:
    heartbeat(client)

    ready = last(events_of(client, "work-pool", pool["id"]))
    assert (ready["event"], ready["related"]) == ("prefect.work-pool.ready", [])
    assert ready["resource"] == {
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
    assert related(last(queue)) == [("work-pool", "pool")]
    assert last(queue)["resource"]["prefect.resource.role"] == "work-queue"
    assert related(last(events)) == [("flow", "etl"), ("work-queue", "default"), ("work-pool", "pool")]
    assert updates(last(events)) == {"status": {"from": "NOT_READY", "to": "READY"}}
    assert last(queue)["occurred"] < last(events)["occurred"]


def test_a_preview_is_no_event(client: TestClient, pool: dict[str, Any]) -> None:
    deploy(client)
    before = log(client)
    poll(client)
    poll(client, "default")
    look()

    assert log(client) == before


@pytest.mark.parametrize(("ahead", "is_recorded"), [(timedelta(hours=1), False), (timedelta(seconds=10), True)])
def test_a_preview_is_no_event_also_while_a_worker_is_alive(
    ahead: timedelta, is_recorded: bool, client: TestClient, pool: dict[str, Any]
) -> None:
    deploy(client)
    heartbeat(client)
    before = log(client)
    body = {"scheduled_before": (datetime.now(UTC) + ahead).isoformat(), "work_queue_names": ["default"]}
    assert client.post(POLL, json=body).json() == []
    assert (log(client) != before) is is_recorded


def test_silence_is_an_event_for_each_that_nobody_asks_for_any_more(
    client: TestClient, pool: dict[str, Any], engine: Engine
) -> None:
    deploy(client)
    heartbeat(client)
    poll(client)
    before = log(client)
    fall_silent(engine)
    look()

    told = ["work-pool.not-ready pool", "work-queue.not-ready default", "deployment.not-ready d"]
    assert log(client) == [*before, *told]


def test_who_is_heard_again_is_ready_again(client: TestClient, pool: dict[str, Any], engine: Engine) -> None:
    deployment = deploy(client)
    for _ in range(2):
        heartbeat(client)
        poll(client)
        fall_silent(engine)

    events = events_of(client, "deployment", deployment)
    assert names(events) == ["created", "ready", "not-ready", "ready", "not-ready"]
    assert_unbroken(events)


def test_a_look_while_all_is_as_it_is_stored_changes_nothing(client: TestClient, pool: dict[str, Any]) -> None:
    deploy(client)
    heartbeat(client)
    poll(client)
    before = log(client)
    look()

    assert log(client) == before


def test_a_pool_whose_last_worker_is_deleted_is_not_ready_at_once(client: TestClient, pool: dict[str, Any]) -> None:
    heartbeat(client)
    heartbeat(client, name="v")
    client.delete(f"{WORKERS}/v")
    assert status(client, POOL) == "READY"
    client.delete(f"{WORKERS}/w")

    assert names(events_of(client, "work-pool", pool["id"])) == ["created", "ready", "not-ready"]


def test_a_queue_whose_last_poll_is_taken_back_is_not_ready(client: TestClient, pool: dict[str, Any]) -> None:
    heartbeat(client)
    poll(client)
    client.patch(QUEUE, json={"last_polled": None})

    assert names(events_of(client, "work-queue", client.get(QUEUE).json()["id"])) == ["created", "ready", "not-ready"]


def test_readiness_that_nobody_rang_for_waits_in_the_outbox(
    outbox_world: OutboxWorld, client: TestClient, engine: Engine
) -> None:
    make_pool(client)
    heartbeat(client)
    poll(client)
    let_time_pass(engine, 1000)
    refresh_all_statuses(outbox_world.sessions)
    assert outbox_world.log() == []

    outbox_world.dispatch_all()
    told = ["work-pool.created pool", "work-queue.created default", "work-pool.ready pool", "work-queue.ready default"]
    assert sorted(log(client)) == sorted([*told, "work-pool.not-ready pool", "work-queue.not-ready default"])
