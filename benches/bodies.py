"""What a client sends: a flow, a work pool, and deployments as `prefect deploy` makes them."""

import json
from dataclasses import dataclass
from typing import Any, Final

import httpx2

from benches.errors import MeasurementError
from benches.load import request, run_load

POOL: Final = "bench"
STANDING: Final = 500
"""Deployments that stay while others are measured."""
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
    """A server that speaks Prefect's protocol, with a flow and a work pool to deploy to."""

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
    """Return a deployment of a usual size: about 900 bytes."""
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
    """Make the flow, and the work pool if it is not there, on the server of that port.

    Raises:
        MeasurementError: the server refuses one.
    """
    with httpx2.Client(base_url=f"http://127.0.0.1:{port}/api", timeout=60) as client:
        pool = client.post("/work_pools/", json={"name": POOL, "type": "process"})
        found = client.post("/flows/", json={"name": flow})
    if pool.status_code not in (201, 409) or found.status_code not in (200, 201):
        raise MeasurementError(f"The server refused a work pool or a flow: {pool.status_code}, {found.status_code}.")
    return Registry(port, found.json()["id"])


def stock(port: int) -> None:
    """Deploy what stays: nobody measures a registry that is empty, whose tables are planned for like no others.

    Raises:
        MeasurementError: the server refuses one.
    """
    registry = open_registry(port, "standing")
    requests = (registry.deploy(f"standing-{number}") for number in range(STANDING))
    run_load(port, requests, clients=8, seconds=120).require(200, 201)
