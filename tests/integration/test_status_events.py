"""Each transition of a status is one event, and nothing else is."""

from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine
from sqlalchemy.orm import Session, sessionmaker

from tests.integration.outbox_world import OutboxWorld
from tests.integration.readiness import (
    QUEUE,
    WORKERS,
    deploy,
    events_of,
    fall_silent,
    heartbeat,
    let_time_pass,
    log,
    look,
    names,
    poll,
    serve,
    status,
)
from tests.integration.registry import make_pool, make_queue
from tests.world import assert_audit_is_clean, assert_unbroken, related, updates
from workers.readiness import settle_all

POOL = "/work_pools/pool"


@pytest.fixture
def pool(client: TestClient) -> dict[str, Any]:
    return make_pool(client)


@pytest.fixture(autouse=True)
def _audit(sessions: sessionmaker[Session]) -> Any:
    """Whatever happened in a test, the audit is clean after it."""
    yield
    assert_audit_is_clean(sessions)


def last(events: list[dict[str, Any]]) -> dict[str, Any]:
    assert_unbroken(events)
    return events[-1]


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


def test_serving_is_an_event_of_the_served_deployment(client: TestClient, engine: Engine) -> None:
    served, other = deploy(client, "served", pool=None), deploy(client, "other", pool=None)
    serve(client, served)
    fall_silent(engine)

    assert names(events_of(client, "deployment", served)) == ["created", "ready", "not-ready"]
    assert names(events_of(client, "deployment", other)) == ["created"]


@pytest.mark.parametrize("kind", ["work-pool", "work-queue"])
def test_pausing_and_resuming_are_events(kind: str, client: TestClient, pool: dict[str, Any]) -> None:
    id_, path = (pool["id"], POOL) if kind == "work-pool" else (client.get(QUEUE).json()["id"], QUEUE)
    for paused in (True, True, False, False):
        assert client.patch(path, json={"is_paused": paused}).status_code == 204

    events = events_of(client, kind, id_)
    assert names(events) == ["created", "paused", "not-ready"]
    assert updates(events[1]) == {
        "is_paused": {"from": False, "to": True},
        "status": {"from": "NOT_READY", "to": "PAUSED"},
    }
    assert_unbroken(events)


def test_what_is_resumed_while_workers_ask_is_ready_at_once(client: TestClient, pool: dict[str, Any]) -> None:
    heartbeat(client)
    poll(client)
    for path in (POOL, QUEUE):
        client.patch(path, json={"is_paused": True})
        client.patch(path, json={"is_paused": False})

    assert (status(client, POOL), status(client, QUEUE)) == ("READY", "READY")
    assert names(events_of(client, "work-pool", pool["id"])) == ["created", "ready", "paused", "ready"]


def test_what_is_paused_is_silent_without_an_event(client: TestClient, pool: dict[str, Any], engine: Engine) -> None:
    heartbeat(client)
    poll(client)
    for path in (POOL, QUEUE):
        client.patch(path, json={"is_paused": True})
    before = log(client)
    fall_silent(engine)
    heartbeat(client)
    poll(client)

    assert log(client) == before


def test_a_pause_beside_another_change_is_a_change_of_its_own(client: TestClient, pool: dict[str, Any]) -> None:
    client.patch(POOL, json={"is_paused": True, "description": "closed"})
    client.patch(POOL, json={"is_paused": True, "description": "closed for good"})

    events = events_of(client, "work-pool", pool["id"])
    assert names(events) == ["created", "updated", "paused", "updated"]
    assert [sorted(updates(event)) for event in events[1:]] == [
        ["description"],
        ["is_paused", "status"],
        ["description"],
    ]
    assert_unbroken(events)


def test_a_pool_that_is_overwritten_as_it_is_has_no_event(client: TestClient, pool: dict[str, Any]) -> None:
    client.patch(POOL, json={"is_paused": False, "base_job_template": {}})

    assert names(events_of(client, "work-pool", pool["id"])) == ["created"]


def test_a_resume_of_what_is_not_paused_says_nothing_of_its_silence_either(
    client: TestClient, pool: dict[str, Any], engine: Engine
) -> None:
    heartbeat(client)
    let_time_pass(engine, 1000)
    client.patch(POOL, json={"is_paused": False})

    assert names(events_of(client, "work-pool", pool["id"])) == ["created", "ready"]


def test_what_is_created_paused_says_so_in_its_creation(client: TestClient) -> None:
    pool = make_pool(client, is_paused=True)
    queue = make_queue(client, "q", is_paused=True)

    assert (pool["status"], queue["status"]) == ("PAUSED", "PAUSED")
    assert names(events_of(client, "work-pool", pool["id"])) == ["created"]
    assert events_of(client, "work-queue", queue["id"])[0]["payload"]["fields"]["status"] == "PAUSED"


def test_an_agents_pool_has_no_status_and_its_pause_is_an_update(client: TestClient) -> None:
    pool = make_pool(client, type="prefect-agent")
    heartbeat(client)
    client.patch(POOL, json={"is_paused": True})

    events = events_of(client, "work-pool", pool["id"])
    assert (status(client, POOL), names(events)) == (None, ["created", "updated"])
    assert updates(last(events)) == {"is_paused": {"from": False, "to": True}}


def test_a_pool_whose_last_worker_is_deleted_is_not_ready_at_once(client: TestClient, pool: dict[str, Any]) -> None:
    heartbeat(client)
    heartbeat(client, name="v")
    client.delete(f"{WORKERS}/v")
    assert status(client, POOL) == "READY"
    client.delete(f"{WORKERS}/w")

    assert names(events_of(client, "work-pool", pool["id"])) == ["created", "ready", "not-ready"]


def test_a_deployment_that_moves_takes_the_readiness_of_its_new_queue_at_once(
    client: TestClient, pool: dict[str, Any]
) -> None:
    make_pool(client, "silent")
    heartbeat(client)
    poll(client)
    deployment = deploy(client, pool="silent")
    for name in ("pool", "silent", "silent"):
        assert client.patch(f"/deployments/{deployment}", json={"work_pool_name": name}).status_code == 204

    events = events_of(client, "deployment", deployment)
    assert names(events) == ["created", "updated", "ready", "updated", "not-ready"]
    assert [list(updates(event)) for event in events[1:]] == [["work_queue_id"], ["status"]] * 2
    assert_unbroken(events)


def test_a_deployment_that_is_created_in_a_queue_that_is_polled_is_ready_at_once(
    client: TestClient, pool: dict[str, Any]
) -> None:
    heartbeat(client)
    poll(client)

    events = events_of(client, "deployment", deploy(client))
    assert names(events) == ["created", "ready"]
    assert events[0]["payload"]["fields"]["status"] == "NOT_READY"


def test_a_deployment_whose_queue_is_deleted_is_not_ready_unless_it_is_served(
    client: TestClient, pool: dict[str, Any]
) -> None:
    orphan, served = deploy(client, "orphan"), deploy(client, "served")
    heartbeat(client)
    poll(client)
    serve(client, served)
    client.delete(POOL)

    assert names(events_of(client, "deployment", orphan)) == ["created", "ready", "updated", "not-ready"]
    assert names(events_of(client, "deployment", served)) == ["created", "ready", "updated"]


def test_a_queue_whose_last_poll_is_taken_back_is_not_ready(client: TestClient, pool: dict[str, Any]) -> None:
    heartbeat(client)
    poll(client)
    client.patch(QUEUE, json={"last_polled": None})

    assert names(events_of(client, "work-queue", client.get(QUEUE).json()["id"])) == ["created", "ready", "not-ready"]


def test_deployments_of_a_paused_queue_are_ready_while_it_is_polled(
    client: TestClient, pool: dict[str, Any], engine: Engine
) -> None:
    deployment = deploy(client)
    client.patch(QUEUE, json={"is_paused": True})
    heartbeat(client)
    poll(client)
    assert status(client, f"/deployments/{deployment}") == "READY"
    let_time_pass(engine, 61)
    look()

    assert names(events_of(client, "deployment", deployment)) == ["created", "ready", "not-ready"]


def test_readiness_that_nobody_rang_for_waits_in_the_outbox(
    outbox_world: OutboxWorld, client: TestClient, engine: Engine
) -> None:
    make_pool(client)
    heartbeat(client)
    poll(client)
    let_time_pass(engine, 1000)
    settle_all(outbox_world.sessions, lambda _: None)
    assert outbox_world.log() == []

    outbox_world.dispatch_all()
    told = ["work-pool.created pool", "work-queue.created default", "work-pool.ready pool", "work-queue.ready default"]
    assert sorted(log(client)) == sorted([*told, "work-pool.not-ready pool", "work-queue.not-ready default"])
