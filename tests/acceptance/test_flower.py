"""Flower shows the changes that each task was sent for and has delivered, and nothing but names. It only looks."""

import re
from collections.abc import Iterator

import httpx2
import pytest
from flower.urls import handlers

from app.broker.contract import DISPATCH
from app.local import programs
from tests.acceptance.stack import Role, Stack
from tests.acceptance.watching import flower
from tests.waiting import wait_until
from tests.world import World

pytestmark = pytest.mark.slow

READS_BY_POST = {"/tasks/datatable": "the page of tasks asks for its rows with POST"}
"""The routes of Flower that answer POST although they change nothing."""
WORKER = programs.node_name(1)
STEERING = (
    "/api/worker/",
    *(f"/api/task/{action}" for action in ("a", "send-task", "revoke", "timeout", "rate-limit")),
)
"""The beginnings of paths below which Flower steers workers and tasks (`a`: apply, async-apply and abort)."""


@pytest.fixture(scope="module")
def client(stack: Stack) -> Iterator[httpx2.Client]:
    """A client of Flower, which watches one worker."""
    stack.start_worker()
    with flower(stack) as (client, _):
        yield client


def posts() -> list[str]:
    """Return a path for each route that Flower declares, with the name of our worker in it."""
    patterns = [route.regex.pattern if hasattr(route, "regex") else route[0] for route in handlers]
    paths = [re.sub(r"\(\.[*+]\)", WORKER, pattern.rstrip("$").removesuffix("/?")) for pattern in patterns]
    return [path for path in paths if path != ".*"]


def test_flower_shows_the_description_and_the_result_of_a_dispatch_task(world: World, client: httpx2.Client) -> None:
    names: list[str] = []

    def shown() -> set[tuple[str, str]]:
        # Flower sees only events after it starts to listen, and does not report when; so deploy on every try.
        world.deploy(name=f"d{len(names)}")
        names.append(world.name(f"d{len(names)}"))
        world.drain_outbox()
        tasks = [task for task in client.get("/api/tasks").json().values() if task["name"] == DISPATCH]
        expected = {(f"deployment:{name} created r1", f"{world.name('etl')}/{name} created r1") for name in names}
        return expected.intersection((task["args"], task["result"]) for task in tasks)

    wait_until(shown, "Flower to show a deployment by its name, and with its flow")


def test_flower_shows_no_values_of_a_change(world: World, client: httpx2.Client) -> None:
    world.deploy(name="secretive", description="hunter2", job_variables={"env": {"A": "hunter2"}})
    wait_until(lambda: "secretive" in client.get("/api/tasks").text, "Flower to show the dispatch")
    assert "hunter2" not in client.get("/api/tasks").text


def test_the_task_page_has_columns_for_the_description_and_the_result(client: httpx2.Client) -> None:
    columns = re.findall(r'data-column="(\w+)"', client.get("/tasks").text)
    assert columns == ["uuid", "name", "args", "result", "state", "received", "runtime", "worker"]


@pytest.mark.parametrize("path", posts())
def test_every_changing_request_is_refused(path: str, client: httpx2.Client) -> None:
    answers = {method: client.request(method, path) for method in ("POST", "PUT", "PATCH", "DELETE")}
    if path in READS_BY_POST:
        del answers["POST"]
    for method, answer in answers.items():
        # What steers workers and tasks is a POST; there the read-only mode must be what refuses.
        steers = method == "POST" and path.startswith(STEERING)
        assert answer.status_code in ((403,) if steers else (403, 404, 405)), method


def test_no_page_has_a_button_that_changes_something(client: httpx2.Client) -> None:
    page = client.get(f"/worker/{WORKER}")
    assert page.status_code == 200
    assert "Worker pool options" in page.text
    assert not re.findall(r'id="(worker-shutdown|worker-pool-\w+|pool-size)"', page.text)


def test_flower_logs_nothing_at_its_start_even_without_a_worker(stack: Stack) -> None:
    with flower(stack, "lonely", broker_url=f"{stack.broker.url[:-1]}1") as (client, role):
        # This waits for the inspection that Flower began at its start.
        assert client.get("/api/workers", params={"refresh": "1"}).json() == {}
        assert role.read_log() == ""


def test_flower_sends_workers_only_commands_that_they_know(stack: Stack, client: httpx2.Client) -> None:
    def has_beaten() -> bool:
        seen = {worker["hostname"]: worker for worker in client.get("/workers", params={"json": "1"}).json()["data"]}
        # Every two seconds. Left to itself, Flower would send a command after five.
        return bool(seen.get(WORKER, {}).get("worker-heartbeat", 0) > 4)

    wait_until(has_beaten, "some heartbeats")
    assert client.get("/api/workers", params={"refresh": "1"}).json()[WORKER]["active_queues"]
    (worker,) = (role for role in stack.roles if role.name == "worker1")
    assert not re.search(r"^\S+ (error|critical) ", worker.read_log(), flags=re.MULTILINE)


def test_one_setting_enables_the_buttons_and_remote_control_of_the_workers(stack: Stack) -> None:
    worker: Role = stack.start_worker(2, worker_remote_control="true")
    name = programs.node_name(2)
    with flower(stack, "steering", worker_remote_control="true") as (client, _):

        def is_seen() -> bool:
            return name in client.get("/api/workers", params={"refresh": "1"}).json()

        wait_until(is_seen, "Flower to see the worker")
        assert 'id="worker-shutdown"' in client.get(f"/worker/{name}").text
        page = {"origin": str(client.base_url), "sec-fetch-site": "same-origin"}
        grown = client.post(f"/api/worker/pool/grow/{name}", params={"n": 1}, headers=page)
        assert grown.status_code == 200, grown.text
    worker.stop()
