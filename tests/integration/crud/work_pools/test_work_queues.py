"""Work queues over HTTP: creating, reading and listing."""

from typing import Any
from uuid import uuid4

import pytest
from fastapi.testclient import TestClient

from tests.integration.registry import (
    AGENT_POOL,
    make_pool,
    make_queue,
    priorities,
)
from tests.integration.side_by_side import all_at_once

RECORDED = {
    "name": "q1",
    "description": None,
    "is_paused": False,
    "concurrency_limit": None,
    "priority": None,
    "filter": None,
}


def test_a_new_queue_is_returned_in_the_wire_format(client: TestClient) -> None:
    pool = make_pool(client)

    response = client.post("/work_pools/pool/queues", json=RECORDED)

    queue = response.json()
    assert response.status_code == 201
    for key in ("id", "created", "updated"):
        assert queue.pop(key)
    assert queue == {
        "name": "q1",
        "description": "",
        "is_paused": False,
        "concurrency_limit": None,
        "priority": 2,
        "work_pool_id": pool["id"],
        "filter": None,
        "last_polled": None,
        "work_pool_name": "pool",
        "status": "NOT_READY",
        "active_slots": None,
    }


def test_a_taken_name_is_a_conflict(client: TestClient) -> None:
    make_pool(client)
    make_queue(client, "q1")

    again = client.post("/work_pools/pool/queues", json={"name": "q1", "priority": 1})

    assert again.status_code == 409
    assert again.json() == {"detail": "A work queue with this name already exists in its work pool."}
    assert priorities(client) == {"default": 1, "q1": 2}


def test_the_same_name_is_allowed_in_another_pool(client: TestClient) -> None:
    make_pool(client, "a")
    make_pool(client, "b")

    assert make_queue(client, "q", "a")["id"] != make_queue(client, "q", "b")["id"]


def test_of_ten_concurrent_creations_of_a_queue_one_succeeds(client: TestClient) -> None:
    make_pool(client)

    answers = all_at_once(10, lambda _: client.post("/work_pools/pool/queues", json={"name": "q"}).status_code)

    assert sorted(answers) == [201] + [409] * 9


def test_concurrent_queues_without_a_pool_share_the_default_agent_pool(client: TestClient) -> None:
    answers = all_at_once(12, lambda number: client.post("/work_queues/", json={"name": f"q{number}"}))

    assert {answer.status_code for answer in answers} == {201}
    assert sorted(priorities(client, AGENT_POOL).values()) == list(range(1, 14))


@pytest.mark.parametrize(
    "body",
    [
        {"name": "a/b"},
        {"name": "q", "priority": 0},
        {"name": "q", "priority": 2**31},
        {"name": "q", "concurrency_limit": -1},
        {"name": "q", "work_pool_id": str(uuid4())},
    ],
)
def test_an_invalid_creation_is_refused(client: TestClient, body: dict[str, Any]) -> None:
    make_pool(client)

    assert client.post("/work_pools/pool/queues", json=body).status_code == 422
    assert client.post("/work_queues/", json=body).status_code == 422


def test_a_queue_is_read_by_id_and_by_pool_and_name(client: TestClient) -> None:
    make_pool(client)
    queue = make_queue(client, "q1")

    assert client.get(f"/work_queues/{queue['id']}").json() == queue
    assert client.get("/work_pools/pool/queues/q1").json() == queue


def test_an_unknown_queue_is_not_found(client: TestClient) -> None:
    make_pool(client)
    by_id = f"/work_queues/{uuid4()}"
    by_name = "/work_pools/pool/queues/nope"

    for answer in (
        client.get(by_id),
        client.get(f"{by_id}/status"),
        client.post(f"{by_id}/get_runs", json={}),
        client.patch(by_id, json={}),
        client.delete(by_id),
    ):
        assert (answer.status_code, answer.json()) == (404, {"detail": "Work queue not found"})
    for answer in (client.get(by_name), client.patch(by_name, json={}), client.delete(by_name)):
        assert (answer.status_code, answer.json()) == (404, {"detail": "Work queue not found"})
    assert client.get("/work_queues/name/nope").status_code == 404


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (None, ["default", "q1", "Q2", "x_"]),
        ({"name": {"startswith_": ["q"]}}, ["q1", "Q2"]),
        ({"name": {"startswith_": ["q1", "x"]}}, ["q1", "x_"]),
        ({"name": {"startswith_": ["_", "%"]}}, []),
        ({"name": {"startswith_": []}}, []),
        ({"name": {"any_": ["x_", "none"]}}, ["x_"]),
        ({"operator": "or_", "id": {"any_": []}, "name": {"any_": ["q1"]}}, ["q1"]),
    ],
)
def test_a_filter_finds_the_matching_queues(
    client: TestClient, wanted: dict[str, Any] | None, expected: list[str]
) -> None:
    make_pool(client)
    for name in ("q1", "Q2", "x_"):
        make_queue(client, name)
    body = {"work_queues": wanted, "limit": None, "offset": None}

    for path in ("/work_queues/filter", "/work_pools/pool/queues/filter"):
        found = client.post(path, json=body).json()
        assert {queue["name"] for queue in found} == set(expected)
