"""`prefect work-queue`."""

import json
import re
from typing import Any

import pytest

from tests.prefect.terminal import LACK_SLOTS, Terminal, plain
from tests.world import World


@pytest.fixture
def pool(world: World) -> str:
    """A pool with a queue `q`."""
    pool = world.pool()
    world.post(f"/work_pools/{pool}/queues", {"name": "q"}, 201)
    return pool


def queue_of(world: World, pool: str, name: str = "q") -> Any:
    return world.client.get(f"/work_pools/{pool}/queues/{name}").json()


def test_create(world: World, terminal: Terminal) -> None:
    pool = world.pool()

    output = terminal.prefect("work-queue", "create", "fast", "--pool", pool, "--limit", "3", "--priority", "1")

    queue = queue_of(world, pool, "fast")
    assert f"id - {queue['id']}" in output.text
    assert (queue["concurrency_limit"], queue["priority"]) == (3, 1)
    assert queue_of(world, pool, "default")["priority"] == 2


def test_create_without_a_pool_uses_the_default_agent_pool(world: World, terminal: Terminal) -> None:
    name = world.name("queue")

    output = terminal.prefect("work-queue", "create", name)

    assert "work pool - 'default-agent-pool'" in output.text
    assert queue_of(world, "default-agent-pool", name)["name"] == name


def test_create_in_a_missing_pool_is_an_error(world: World, terminal: Terminal) -> None:
    output = terminal.prefect("work-queue", "create", "q", "--pool", world.name("none"), code=1)

    assert f"Work pool with name: '{world.name('none')}' not found" in plain(output.text)


def test_create_with_a_taken_name_is_an_error(pool: str, terminal: Terminal) -> None:
    output = terminal.prefect("work-queue", "create", "q", "--pool", pool, code=1)

    assert "already exists" in output.text


def test_ls_of_a_pool_shows_its_queues_by_priority(pool: str, terminal: Terminal) -> None:
    output = terminal.prefect("work-queue", "ls", "--pool", pool)

    assert f"Work Queues in Work Pool '{pool}'" in output.text
    assert output.heads() == ["Name", "Priority", "Concurrency Limit"]
    assert sorted(output.table()) == [["default", "1", "None"], ["q", "2", "None"]]


def test_ls_shows_the_queues_of_all_pools(world: World, pool: str, terminal: Terminal) -> None:
    output = terminal.prefect("work-queue", "ls")

    assert output.heads() == ["Name", "Pool", "ID", "Concurrency Limit"]
    assert ["q", pool, queue_of(world, pool)["id"], "None"] in output.table()


def test_inspect(world: World, pool: str, terminal: Terminal) -> None:
    output = terminal.prefect("work-queue", "inspect", "q", "--pool", pool)

    assert f"id='{queue_of(world, pool)['id']}'" in output.text
    assert "WorkQueueStatusDetail" in output.text


def test_inspect_of_a_missing_queue_is_an_error(pool: str, terminal: Terminal) -> None:
    output = terminal.prefect("work-queue", "inspect", "none", "--pool", pool, code=1)

    assert re.search(r"No work queue (named|found:) 'none'", plain(output.text))


def test_pause_and_resume(world: World, pool: str, terminal: Terminal) -> None:
    terminal.prefect("work-queue", "pause", "q", "--pool", pool)
    assert queue_of(world, pool)["status"] == "PAUSED"
    terminal.prefect("work-queue", "resume", "q", "--pool", pool)
    assert queue_of(world, pool)["status"] == "NOT_READY"


def test_a_concurrency_limit_is_set_and_cleared(world: World, pool: str, terminal: Terminal) -> None:
    terminal.prefect("work-queue", "set-concurrency-limit", "q", "7", "--pool", pool)
    assert queue_of(world, pool)["concurrency_limit"] == 7
    terminal.prefect("work-queue", "clear-concurrency-limit", "q", "--pool", pool)
    assert queue_of(world, pool)["concurrency_limit"] is None


@pytest.mark.parametrize(("command", "expected_text"), [("preview", "No runs found"), ("read-runs", "Read 0 runs")])
def test_preview_finds_no_runs_and_makes_nothing_ready(
    command: str, expected_text: str, world: World, pool: str, terminal: Terminal
) -> None:
    output = terminal.prefect("work-queue", command, "q", "--pool", pool)

    assert expected_text in output.text
    assert queue_of(world, pool)["status"] == "NOT_READY"


def test_slots_shows_that_all_slots_are_free(world: World, pool: str, version: str, terminal: Terminal) -> None:
    if version in LACK_SLOTS:
        pytest.skip(f"{version} has no command for it")

    shown = json.loads(terminal.prefect("work-queue", "slots", "q", "--pool", pool, "--output", "json").text)

    assert (shown["active_slots"], shown["concurrency_limit"], shown["flow_runs"]) == (0, None, [])


def test_delete_removes_the_queue_from_its_deployments(world: World, pool: str, terminal: Terminal) -> None:
    deployment = world.deploy(work_pool_name=pool, work_queue_name="q")

    terminal.prefect("work-queue", "delete", "q", "--pool", pool)

    assert world.client.get(f"/work_pools/{pool}/queues/q").status_code == 404
    assert [event["event"].rpartition(".")[2] for event in world.life(deployment)] == ["created", "updated"]


def test_the_default_queue_cannot_be_deleted(world: World, pool: str, terminal: Terminal) -> None:
    output = terminal.prefect("work-queue", "delete", "default", "--pool", pool, code=1)

    assert "default queue cannot be deleted" in plain(output.errors)
    assert queue_of(world, pool, "default")["name"] == "default"
