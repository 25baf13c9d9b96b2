"""Pausing and resuming: one event for each transition, separate from the events of other changes."""

from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from tests.integration.readiness import (
    POOL,
    QUEUE,
    events_of,
    heartbeat,
    last_of_unbroken,
    let_readiness_expire,
    let_time_pass,
    log,
    names,
    poll,
    status,
)
from tests.integration.registry import make_pool, make_queue
from tests.world import assert_unbroken, updates

pytestmark = pytest.mark.usefixtures("audited")


@pytest.mark.parametrize("kind", ["work-pool", "work-queue"])
def test_pausing_and_resuming_have_events(kind: str, client: TestClient, pool: dict[str, Any]) -> None:
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


def test_a_resource_that_is_resumed_while_it_is_polled_is_ready_at_once(
    client: TestClient, pool: dict[str, Any]
) -> None:
    heartbeat(client)
    poll(client)
    for path in (POOL, QUEUE):
        client.patch(path, json={"is_paused": True})
        client.patch(path, json={"is_paused": False})

    assert (status(client, POOL), status(client, QUEUE)) == ("READY", "READY")
    assert names(events_of(client, "work-pool", pool["id"])) == ["created", "ready", "paused", "ready"]


def test_a_paused_resource_has_no_event_when_polls_stop_or_resume(
    client: TestClient, pool: dict[str, Any], engine: Engine
) -> None:
    heartbeat(client)
    poll(client)
    for path in (POOL, QUEUE):
        client.patch(path, json={"is_paused": True})
    before = log(client)
    let_readiness_expire(engine)
    heartbeat(client)
    poll(client)

    assert log(client) == before


def test_a_pause_with_another_change_is_a_separate_event(client: TestClient, pool: dict[str, Any]) -> None:
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


def test_an_unchanged_overwrite_of_a_pool_has_no_event(client: TestClient, pool: dict[str, Any]) -> None:
    client.patch(POOL, json={"is_paused": False, "base_job_template": {}})

    assert names(events_of(client, "work-pool", pool["id"])) == ["created"]


def test_a_resume_of_an_unpaused_pool_has_no_event_even_if_its_status_is_outdated(
    client: TestClient, pool: dict[str, Any], engine: Engine
) -> None:
    heartbeat(client)
    let_time_pass(engine, 1000)
    client.patch(POOL, json={"is_paused": False})

    assert names(events_of(client, "work-pool", pool["id"])) == ["created", "ready"]


def test_a_resource_that_is_created_paused_has_this_status_in_its_creation(client: TestClient) -> None:
    pool = make_pool(client, is_paused=True)
    queue = make_queue(client, "q", is_paused=True)

    assert (pool["status"], queue["status"]) == ("PAUSED", "PAUSED")
    assert names(events_of(client, "work-pool", pool["id"])) == ["created"]
    assert events_of(client, "work-queue", queue["id"])[0]["payload"]["fields"]["status"] == "PAUSED"


def test_an_agent_pool_has_no_status_and_its_pause_is_an_update(client: TestClient) -> None:
    pool = make_pool(client, type="prefect-agent")
    heartbeat(client)
    client.patch(POOL, json={"is_paused": True})

    events = events_of(client, "work-pool", pool["id"])
    assert (status(client, POOL), names(events)) == (None, ["created", "updated"])
    assert updates(last_of_unbroken(events)) == {"is_paused": {"from": False, "to": True}}
