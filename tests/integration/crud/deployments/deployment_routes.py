"""Helpers for the tests of the deployment routes."""

from typing import Any

from tests.world import World

SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}}
TEMPLATE = {
    "job_configuration": {"image": "{{ image }}"},
    "variables": {"type": "object", "properties": {"image": {"type": "string"}}},
}


def read(world: World, deployment: str) -> dict[str, Any]:
    """Return the deployment that the API returns."""
    answer: dict[str, Any] = world.client.get(f"/deployments/{deployment}").json()
    return answer
