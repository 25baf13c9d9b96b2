"""Flower shows the change that each task was sent for, and shows nothing but names."""

from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from app.broker.contract import DISPATCH
from app.local import programs
from app.local.embedded.process import free_port
from app.local.ports import Address
from tests.acceptance.stack import Role, Stack
from tests.waiting import wait_until
from tests.world import World


@pytest.fixture(scope="module")
def flower(stack: Stack) -> Iterator[httpx2.Client]:
    """A client of Flower, which watches one worker."""
    stack.start_worker()
    address = Address("Flower", "127.0.0.1", free_port(), "--flower-port")
    # Flower's API is closed by default, and a test has no session to log in with.
    environment = {**stack.environment(), "FLOWER_UNAUTHENTICATED_API": "true"}
    role = Role("flower", programs.flower(address), environment, stack.folder / "flower.log")
    stack.roles.append(role)
    role.start()
    with httpx2.Client(base_url=address.url, timeout=10) as client:

        def answers() -> bool:
            try:
                return client.get("/healthcheck").status_code == 200
            except httpx2.TransportError:
                return False

        wait_until(answers, "Flower to answer")
        yield client


def test_a_task_shows_what_it_was_for(world: World, flower: httpx2.Client) -> None:
    deployments: list[str] = []

    def tasks() -> list[dict[str, Any]]:
        # Flower sees only events after it starts to listen, and does not report when; so deploy on every try.
        deployments.append(world.deploy(name=f"d{len(deployments)}"))
        world.drain_outbox()
        return [task for task in flower.get("/api/tasks").json().values() if task["name"] == DISPATCH]

    shown = wait_until(tasks, "Flower to show a dispatch")
    purposes = [f"created prefect.deployment.{deployment} revision 1" for deployment in deployments]
    assert any(purpose in (task["args"] or "") for task in shown for purpose in purposes), shown


def test_no_task_shows_more_than_names(world: World, flower: httpx2.Client) -> None:
    deployment = world.deploy(description="hunter2", job_variables={"env": {"A": "hunter2"}})
    wait_until(lambda: deployment in flower.get("/api/tasks").text, "Flower to show the dispatch")
    assert "hunter2" not in flower.get("/api/tasks").text
