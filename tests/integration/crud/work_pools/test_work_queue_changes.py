"""Work queues over HTTP: updates and polls."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from tests.guard import unguarded
from tests.integration.registry import (
    make_pool,
    make_queue,
    priorities,
)
from tests.integration.side_by_side import while_blocked


def test_a_queue_is_paused_and_resumed_by_its_id(client: TestClient) -> None:
    make_pool(client)
    queue = make_queue(client, "q1")
    path = f"/work_queues/{queue['id']}"

    assert client.patch(path, json={"is_paused": True}).status_code == 204
    paused = client.get(path).json()
    assert client.patch(path, json={"is_paused": False}).status_code == 204

    assert (paused["status"], paused["is_paused"]) == ("PAUSED", True)
    assert client.get(path).json()["status"] == "NOT_READY"


def test_every_field_of_a_queue_can_be_changed_and_cleared(client: TestClient) -> None:
    make_pool(client)
    queue = make_queue(client, "q1")
    path = f"/work_queues/{queue['id']}"
    polled = "2026-01-02T03:04:05.000006Z"
    changes = {"name": "q2", "description": "d", "concurrency_limit": 4, "filter": {"a": 1}, "last_polled": polled}

    assert client.patch(path, json=changes).status_code == 204
    changed = client.get(path).json()
    assert client.patch(path, json=dict.fromkeys(set(changes) - {"name"})).status_code == 204
    cleared = client.get(path).json()

    assert changed.items() >= changes.items()
    assert changed["active_slots"] == 0
    assert changed["updated"] > queue["updated"]
    assert {**cleared, "updated": None} == {**queue, "name": "q2", "updated": None}


@pytest.mark.parametrize(
    "body", [{"name": None}, {"is_paused": None}, {"priority": None}, {"is_default": True}, {"name": "a/b"}]
)
def test_an_invalid_change_is_refused(client: TestClient, body: dict[str, Any]) -> None:
    make_pool(client)
    queue = make_queue(client, "q1")

    assert client.patch(f"/work_queues/{queue['id']}", json=body).status_code == 422


@pytest.mark.parametrize("polled", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_a_poll_time_without_a_utc_equivalent_is_refused_and_lists_still_work(client: TestClient, polled: str) -> None:
    make_pool(client)
    queue = make_queue(client, "q1")

    assert client.patch(f"/work_queues/{queue['id']}", json={"last_polled": polled}).status_code == 422
    assert client.post("/work_queues/filter", json={}).status_code == 200


@pytest.mark.parametrize("polled", ["0001-01-01T14:00:00+14:00", "9999-12-31T09:59:59-14:00"])
def test_a_poll_time_at_the_first_or_last_instant_is_stored(client: TestClient, polled: str) -> None:
    make_pool(client)
    queue = make_queue(client, "q1")

    assert client.patch(f"/work_queues/{queue['id']}", json={"last_polled": polled}).status_code == 204
    assert client.get(f"/work_queues/{queue['id']}").json()["last_polled"][:4] == polled[:4]


def test_an_update_without_a_difference_leaves_the_queue_unchanged(client: TestClient) -> None:
    make_pool(client)
    queue = make_queue(client, "q1")

    for body in ({}, {"name": "q1", "priority": queue["priority"], "description": None, "is_paused": False}):
        assert client.patch(f"/work_queues/{queue['id']}", json=body).status_code == 204

    assert client.get(f"/work_queues/{queue['id']}").json() == queue
    assert priorities(client) == {"default": 1, "q1": 2}


def test_a_rename_to_a_taken_name_is_a_conflict(client: TestClient) -> None:
    make_pool(client)
    make_queue(client, "q1")

    answer = client.patch("/work_pools/pool/queues/q1", json={"name": "default"})

    assert answer.status_code == 409
    assert answer.json() == {"detail": "A work queue with this name already exists in its work pool."}


def test_an_update_that_waited_for_a_deletion_finds_nothing(client: TestClient, engine: Engine) -> None:
    make_pool(client)
    queue = make_queue(client, "q1")

    with engine.begin() as deleting:
        deleting.exec_driver_sql("SELECT 1 FROM work_pool FOR UPDATE")
        with while_blocked(engine, lambda: client.patch(f"/work_queues/{queue['id']}", json={"name": "q2"})) as update:
            with unguarded(deleting):
                deleting.exec_driver_sql("DELETE FROM work_queue WHERE name = 'q1'")
            deleting.commit()

    assert update.result().status_code == 404


def test_a_queue_without_polls_is_not_healthy(client: TestClient) -> None:
    pool = make_pool(client)

    health = client.get(f"/work_queues/{pool['default_queue_id']}/status").json()

    assert health == {
        "healthy": False,
        "late_runs_count": 0,
        "last_polled": None,
        "health_check_policy": {"maximum_late_runs": 0, "maximum_seconds_since_last_polled": 60},
    }


@pytest.mark.parametrize(("seconds_ago", "healthy"), [(5, True), (120, False)])
def test_a_queue_is_healthy_for_a_minute_after_a_poll(client: TestClient, seconds_ago: int, healthy: bool) -> None:
    path = f"/work_queues/{make_pool(client)['default_queue_id']}"
    polled = datetime.now(UTC) - timedelta(seconds=seconds_ago)

    client.patch(path, json={"last_polled": polled.isoformat()})

    assert client.get(f"{path}/status").json()["healthy"] is healthy


def test_a_polled_queue_has_no_runs(client: TestClient) -> None:
    path = f"/work_queues/{make_pool(client)['default_queue_id']}"

    assert client.post(f"{path}/get_runs", json={"limit": 10, "scheduled_before": None}).json() == []
