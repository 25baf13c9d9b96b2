"""`prefect global-concurrency-limit` and `prefect concurrency-limit`."""

import json
from typing import Any

import pytest

from tests.prefect.terminal import Terminal
from tests.world import World

GLOBAL = "global-concurrency-limit"
TAG = "concurrency-limit"


@pytest.fixture
def limit(world: World) -> str:
    """A global limit of 3."""
    name = world.name("limit")
    world.post("/v2/concurrency_limits/", {"name": name, "limit": 3}, 201)
    return name


@pytest.fixture
def tag(world: World) -> str:
    """A tag with a limit of 3."""
    tag = world.name("tag")
    world.post("/concurrency_limits/", {"tag": tag, "concurrency_limit": 3}, 201)
    return tag


def limit_of(world: World, name: str) -> Any:
    return world.client.get(f"/v2/concurrency_limits/{name}").json()


def test_create(world: World, terminal: Terminal) -> None:
    name = world.name("limit")

    output = terminal.prefect(GLOBAL, "create", name, "--limit", "3")

    assert f"Created global concurrency limit with name '{name}'" in output.text
    assert limit_of(world, name)["limit"] == 3


def test_create_with_a_taken_name_is_an_error(limit: str, terminal: Terminal) -> None:
    output = terminal.prefect(GLOBAL, "create", limit, "--limit", "3", code=1)

    assert "already exists" in output.text


def test_ls_shows_the_limits_in_a_table(world: World, limit: str, terminal: Terminal) -> None:
    output = terminal.prefect(GLOBAL, "ls")

    assert output.heads()[:5] == ["ID", "Name", "Active", "Limit", "Active Slots"]
    assert output.row(limit_of(world, limit)["id"])[1:5] == [limit, "True", "3", "0"]


def test_inspect_as_json_shows_the_response_of_the_api(world: World, limit: str, terminal: Terminal) -> None:
    assert json.loads(terminal.prefect(GLOBAL, "inspect", limit, "--output", "json").text) == limit_of(world, limit)


def test_inspect_of_a_missing_limit_is_an_error(terminal: Terminal) -> None:
    assert "'none' not found" in terminal.prefect(GLOBAL, "inspect", "none", code=1).text


def test_update(world: World, limit: str, terminal: Terminal) -> None:
    terminal.prefect(GLOBAL, "update", limit, "--limit", "5", "--slot-decay-per-second", "0.5")

    changed = limit_of(world, limit)
    assert (changed["limit"], changed["slot_decay_per_second"]) == (5, 0.5)


def test_disable_and_enable(world: World, limit: str, terminal: Terminal) -> None:
    terminal.prefect(GLOBAL, "disable", limit)
    assert limit_of(world, limit)["active"] is False
    terminal.prefect(GLOBAL, "enable", limit)
    assert limit_of(world, limit)["active"] is True


def test_delete_removes_the_limit_from_its_deployments(world: World, limit: str, terminal: Terminal) -> None:
    deployment = world.deploy(global_concurrency_limit_id=limit_of(world, limit)["id"])

    terminal.prefect(GLOBAL, "delete", limit)

    assert world.client.get(f"/v2/concurrency_limits/{limit}").status_code == 404
    assert world.life(deployment)[-1]["payload"]["updated_fields"] == ["concurrency_limit_id"]


def test_create_for_a_tag(world: World, terminal: Terminal) -> None:
    tag = world.name("tag")

    output = terminal.prefect(TAG, "create", tag, "3")

    assert f"tag - '{tag}'" in output.text
    assert limit_of(world, f"tag:{tag}")["limit"] == 3


def test_ls_shows_the_limits_of_tags(tag: str, terminal: Terminal) -> None:
    output = terminal.prefect(TAG, "ls")

    assert output.heads()[:3] == ["Tag", "ID", "Concurrency Limit"]
    assert output.row(tag)[2] == "3"


def test_inspect_of_a_tag_shows_its_limit(tag: str, terminal: Terminal) -> None:
    assert tag in terminal.prefect(TAG, "inspect", tag).text


def test_inspect_of_a_tag_without_a_limit_is_an_error(terminal: Terminal) -> None:
    assert "No concurrency limit found for the tag: none" in terminal.prefect(TAG, "inspect", "none", code=1).text


def test_reset_frees_the_slots_of_a_tag(world: World, tag: str, terminal: Terminal) -> None:
    world.patch(f"/v2/concurrency_limits/tag:{tag}", {"active_slots": 2})

    terminal.prefect(TAG, "reset", tag)

    assert limit_of(world, f"tag:{tag}")["active_slots"] == 0


def test_delete_of_a_tag_limit(world: World, tag: str, terminal: Terminal) -> None:
    terminal.prefect(TAG, "delete", tag)

    assert world.client.get(f"/concurrency_limits/tag/{tag}").status_code == 404
