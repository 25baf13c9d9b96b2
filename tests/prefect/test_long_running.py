"""`prefect worker start` and `flow.serve()`, which run until Ctrl-C."""

from pathlib import Path
from typing import Any

from tests.prefect.terminal import COMMAND_SECONDS, Terminal
from tests.waiting import wait_until
from tests.world import World, operations, updates

FLOW = "etl"


def status(world: World, path: str) -> str:
    answer: str = world.client.get(path).json()["status"]
    return answer


def wait_until_ready(world: World, path: str) -> None:
    wait_until(lambda: status(world, path) == "READY", f"{path} to be ready", COMMAND_SECONDS)


def served(world: World) -> Any:
    response = world.client.get(f"/deployments/name/{FLOW}/{world.name('served')}")
    return response.json() if response.status_code == 200 else None


def test_a_worker_makes_its_pool_its_queues_and_their_deployments_ready(
    world: World, package: Path, terminal: Terminal
) -> None:
    pool = world.pool()
    deployment = f"/deployments/{world.deploy(work_pool_name=pool)}"

    terminal.variables["PREFECT_LOGGING_LEVEL"] = "DEBUG"
    worker = terminal.start("worker", "start", "--pool", pool, "--type", "process", "--name", "w1")

    worker.wait_for("Worker 'w1' started!")
    if (package / "workers/_worker_channel").exists():
        # The API answers that there is no channel, so the worker polls and does not ask again.
        worker.wait_for("Worker channel disabled: Worker channel endpoint is unavailable")
    for path in (f"/work_pools/{pool}", f"/work_pools/{pool}/queues/default", deployment):
        wait_until_ready(world, path)
    assert operations(world.life(deployment.rpartition("/")[2])) == ["created", "ready"]
    (known,) = world.post(f"/work_pools/{pool}/workers/filter", {"workers": {"status": {"any_": ["ONLINE"]}}})
    assert known["name"] == "w1"
    assert worker.interrupt() == 0
    assert "Worker 'w1' stopped!" in worker.read_output()


def test_a_worker_of_another_queue_does_not_make_the_default_queue_ready(world: World, terminal: Terminal) -> None:
    pool = world.pool()
    world.post(f"/work_pools/{pool}/queues", {"name": "fast"}, 201)

    worker = terminal.start("worker", "start", "--pool", pool, "--type", "process", "--work-queue", "fast")

    wait_until_ready(world, f"/work_pools/{pool}/queues/fast")
    assert status(world, f"/work_pools/{pool}/queues/default") == "NOT_READY"
    assert worker.interrupt() == 0


def test_serving_creates_polls_and_on_exit_pauses_its_deployment(world: World, terminal: Terminal) -> None:
    serving = terminal.start_script("serve.py", world.name("served"))

    deployment = wait_until(lambda: served(world), "the deployment to be registered", COMMAND_SECONDS)
    wait_until(lambda: served(world)["status"] == "READY", "the deployment to be ready", COMMAND_SECONDS)
    assert (deployment["paused"], deployment["tags"], deployment["work_pool_name"]) == (False, ["served"], None)
    assert serving.interrupt() == 0
    assert served(world)["paused"] is True
    events = world.life(deployment["id"])
    assert operations(events) == ["created", "ready", "updated"]
    assert updates(events[2]) == {"paused": {"from": False, "to": True}}
