"""Request bodies of a client: a flow, a work pool, and deployments like those that `prefect deploy` creates."""

import json
from dataclasses import dataclass
from typing import Any, Final

import httpx2

from benches.errors import MeasurementError
from benches.load import request, run_load

POOL: Final = "bench"
BACKGROUND_DEPLOYMENTS: Final = 500
"""Number of deployments that exist throughout a measurement."""
SCHEMA: Final = {
    "type": "object",
    "title": "Parameters",
    "properties": {
        "source": {"type": "string", "title": "source", "position": 0, "default": "orders"},
        "limit": {"type": "integer", "title": "limit", "position": 1, "default": 1000},
    },
}


@dataclass(frozen=True)
class Registry:
    """A server with Prefect's HTTP API, and a flow on it to deploy to."""

    port: int
    flow_id: str

    def body(self, name: str, description: str = "as it was first deployed") -> dict[str, Any]:
        """Return the body of a deployment."""
        return deployment(self.flow_id, name, description)

    def deploy(self, name: str, description: str = "as it was first deployed") -> bytes:
        """Return the request that creates or updates a deployment."""
        return request("POST", "/api/deployments/", json.dumps(self.body(name, description)).encode())

    def patch(self, deployment_id: str, description: str) -> bytes:
        """Return the request that changes a description."""
        body = json.dumps({"description": description}).encode()
        return request("PATCH", f"/api/deployments/{deployment_id}", body)

    def delete(self, deployment_id: str) -> bytes:
        """Return the request that deletes a deployment."""
        return request("DELETE", f"/api/deployments/{deployment_id}")


def deployment(flow_id: str, name: str, description: str = "as it was first deployed") -> dict[str, Any]:
    """Return the body of a deployment of typical size: about 900 bytes."""
    return {
        "name": name,
        "flow_id": flow_id,
        "work_pool_name": POOL,
        "description": description,
        "version": "1.0.0",
        "tags": ["bench", "nightly"],
        "entrypoint": "flows/orders.py:load",
        "path": "/srv/flows",
        "parameters": {"source": "orders", "limit": 500},
        "parameter_openapi_schema": SCHEMA,
        "enforce_parameter_schema": True,
        "job_variables": {"working_dir": "/srv", "stream_output": True},
        "pull_steps": [{"prefect.deployments.steps.set_working_directory": {"directory": "/srv/flows"}}],
        "labels": {"team": "data"},
    }


def open_registry(port: int, flow: str) -> Registry:
    """Create the flow and the work pool on the server at `port` unless they exist.

    Raises:
        MeasurementError: the server refuses one of them.
    """
    with httpx2.Client(base_url=f"http://127.0.0.1:{port}/api", timeout=60) as client:
        pool = client.post("/work_pools/", json={"name": POOL, "type": "process"})
        flow_response = client.post("/flows/", json={"name": flow})
    if pool.status_code not in (201, 409) or flow_response.status_code not in (200, 201):
        statuses = f"{pool.status_code}, {flow_response.status_code}"
        raise MeasurementError(f"The server refused a work pool or a flow: {statuses}.")
    return Registry(port, flow_response.json()["id"])


def deploy_background(port: int) -> None:
    """Create the background deployments, because PostgreSQL plans queries on empty tables differently.

    Raises:
        MeasurementError: the server refuses a deployment.
    """
    registry = open_registry(port, "background")
    requests = (registry.deploy(f"background-{number}") for number in range(BACKGROUND_DEPLOYMENTS))
    run_load(port, requests, clients=8, seconds=120).require(200, 201)
