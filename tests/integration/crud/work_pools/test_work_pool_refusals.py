"""Work pools over HTTP: rejected requests."""

from typing import Any
from uuid import uuid4

import pytest
from fastapi.testclient import TestClient

from tests.integration.registry import make_pool


@pytest.mark.parametrize("name", ["prefect", "Prefect:managed", "PREFECT-x"])
def test_a_reserved_name_is_refused(client: TestClient, name: str) -> None:
    for response in (
        client.post("/work_pools/", json={"name": name}),
        client.delete(f"/work_pools/{name}"),
        client.patch(f"/work_pools/{name}", json={"description": "x", "is_paused": True}),
    ):
        assert response.status_code == 403
        assert "reserved" in response.json()["detail"]


def test_a_reserved_pool_can_be_paused_and_limited(client: TestClient) -> None:
    answer = client.patch("/work_pools/prefect-x", json={"is_paused": True, "concurrency_limit": 1})

    assert answer.status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        {"name": "a/b"},
        {"name": ""},
        {"name": " '\" "},
        {"name": "a\0"},
        {"name": "x" * 501},
        {"name": "pool", "type": ""},
        {"name": "pool", "type": "https://bob:hunter2@host"},
        {"name": "pool", "type": "process?token=hunter2"},
        {"name": "pool", "type": "x" * 501},
        {"name": "pool", "concurrency_limit": -1},
        {"name": "pool", "concurrency_limit": 2**31},
        {"name": "pool", "description": "x" * 100_001},
        {"name": "pool", "base_job_template": {"job_configuration": {}}},
        {"name": "pool", "base_job_template": {"variables": {}}},
        {"name": "pool", "base_job_template": {"job_configuration": {"a": "{{ b }}"}, "variables": {}}},
        {"name": "pool", "storage_configuration": {"bucket": "x"}},
        {"name": "pool", "default_queue_id": str(uuid4())},
    ],
)
def test_an_invalid_creation_is_refused(client: TestClient, body: dict[str, Any]) -> None:
    assert client.post("/work_pools/", json=body).status_code == 422
    assert client.post("/work_pools/count").json() == 0


def test_a_template_that_cannot_be_stored_is_refused(client: TestClient) -> None:
    template = {"job_configuration": {"a": "\0"}, "variables": {}}

    assert client.post("/work_pools/", json={"name": "pool", "base_job_template": template}).status_code == 422


def test_a_template_that_is_nested_too_deeply_is_refused(client: TestClient) -> None:
    deep: dict[str, Any] = {}
    for _ in range(300):
        deep = {"a": deep}
    template = {"job_configuration": deep, "variables": {}}

    assert client.post("/work_pools/", json={"name": "pool", "base_job_template": template}).status_code == 422


def test_an_unknown_pool_is_not_found(client: TestClient) -> None:
    for response in (
        client.get("/work_pools/none"),
        client.patch("/work_pools/none", json={"description": "x"}),
        client.patch("/work_pools/none", json={}),
        client.delete("/work_pools/none"),
        client.post("/work_pools/none/workers/filter", json={}),
        client.post("/work_pools/none/workers/heartbeat", json={"name": "w"}),
        client.post("/work_pools/none/get_scheduled_flow_runs", json={}),
        client.post("/work_pools/none/queues", json={"name": "q"}),
        client.post("/work_pools/none/queues/filter", json={}),
    ):
        assert (response.status_code, response.json()) == (404, {"detail": "Work pool not found"})


@pytest.mark.parametrize("path", ["/work_pools/a%00b", "/work_pools/a%00b/queues/q"])
def test_an_invalid_name_in_the_path_is_refused(client: TestClient, path: str) -> None:
    assert client.get(path).status_code == 422


@pytest.mark.parametrize("body", [{"is_paused": None}, {"name": "other"}, {"type": "docker"}])
def test_a_change_of_an_immutable_field_is_refused(client: TestClient, body: dict[str, Any]) -> None:
    make_pool(client)

    assert client.patch("/work_pools/pool", json=body).status_code == 422
