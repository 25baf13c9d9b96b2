"""Creates resources over HTTP for the tests of the registry."""

from typing import Any

from fastapi.testclient import TestClient

AGENT_POOL = "default-agent-pool"
LIMITS = "/v2/concurrency_limits"


def make_flow(client: TestClient, name: str, **more: Any) -> dict[str, Any]:
    response = client.post("/flows/", json={"name": name, **more})
    assert response.status_code == 201, response.text
    flow: dict[str, Any] = response.json()
    return flow


def make_deployment(client: TestClient, flow: dict[str, Any], name: str, **more: Any) -> dict[str, Any]:
    response = client.post("/deployments/", json={"name": name, "flow_id": flow["id"], **more})
    assert response.status_code == 201, response.text
    deployment: dict[str, Any] = response.json()
    return deployment


def make_pool(client: TestClient, name: str = "pool", **more: Any) -> dict[str, Any]:
    response = client.post("/work_pools/", json={"name": name, "type": "process", **more})
    assert response.status_code == 201, response.text
    pool: dict[str, Any] = response.json()
    return pool


def make_queue(client: TestClient, name: str, pool: str = "pool", **more: Any) -> dict[str, Any]:
    response = client.post(f"/work_pools/{pool}/queues", json={"name": name, **more})
    assert response.status_code == 201, response.text
    queue: dict[str, Any] = response.json()
    return queue


def priorities(client: TestClient, pool: str = "pool") -> dict[str, int]:
    return {queue["name"]: queue["priority"] for queue in client.post(f"/work_pools/{pool}/queues/filter").json()}


def make_limit(client: TestClient, name: str = "g1", **more: Any) -> dict[str, Any]:
    response = client.post(f"{LIMITS}/", json={"name": name, "limit": 5, **more})
    assert response.status_code == 201, response.text
    limit: dict[str, Any] = response.json()
    return limit
