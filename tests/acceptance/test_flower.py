"""Flower shows the change that each task was sent for, and shows nothing but names."""

from collections.abc import Iterator

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


def test_a_task_shows_what_it_was_for_and_what_it_delivered(world: World, flower: httpx2.Client) -> None:
    names: list[str] = []

    def shown() -> set[tuple[str, str]]:
        # Flower sees only events after it starts to listen, and does not report when; so deploy on every try.
        world.deploy(name=f"d{len(names)}")
        names.append(world.name(f"d{len(names)}"))
        world.drain_outbox()
        tasks = [task for task in flower.get("/api/tasks").json().values() if task["name"] == DISPATCH]
        expected = {(f"deployment:{name} created r1", f"{world.name('etl')}/{name} created r1") for name in names}
        return expected.intersection((task["args"], task["result"]) for task in tasks)

    wait_until(shown, "Flower to show a deployment by its name, and with its flow")


def test_no_task_shows_more_than_names(world: World, flower: httpx2.Client) -> None:
    world.deploy(name="secretive", description="hunter2", job_variables={"env": {"A": "hunter2"}})
    wait_until(lambda: "secretive" in flower.get("/api/tasks").text, "Flower to show the dispatch")
    assert "hunter2" not in flower.get("/api/tasks").text
