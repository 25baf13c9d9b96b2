"""A deployment is ready while it or its queue is polled, and each transition makes one event."""

from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from tests.integration.readiness import (
    POOL,
    QUEUE,
    deploy,
    events_of,
    heartbeat,
    let_readiness_expire,
    let_time_pass,
    names,
    poll,
    run_readiness_task,
    serve,
    status,
)
from tests.integration.registry import make_pool
from tests.world import assert_unbroken, updates

pytestmark = pytest.mark.usefixtures("audited")


def test_serving_makes_a_ready_event_of_the_served_deployment_only(client: TestClient, engine: Engine) -> None:
    served, other = deploy(client, "served", pool=None), deploy(client, "other", pool=None)
    serve(client, served)
    let_readiness_expire(engine)

    assert names(events_of(client, "deployment", served)) == ["created", "ready", "not-ready"]
    assert names(events_of(client, "deployment", other)) == ["created"]


def test_a_deployment_that_changes_its_queue_gets_the_readiness_of_the_new_queue_at_once(
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


def test_a_deployment_that_is_created_in_a_polled_queue_is_ready_at_once(
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


def test_deployments_of_a_paused_queue_are_ready_while_it_is_polled(
    client: TestClient, pool: dict[str, Any], engine: Engine
) -> None:
    deployment = deploy(client)
    client.patch(QUEUE, json={"is_paused": True})
    heartbeat(client)
    poll(client)
    assert status(client, f"/deployments/{deployment}") == "READY"
    let_time_pass(engine, 61)
    run_readiness_task()

    assert names(events_of(client, "deployment", deployment)) == ["created", "ready", "not-ready"]
