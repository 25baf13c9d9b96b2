"""`prefect work-pool`."""

import json

import pytest

from tests.prefect.terminal import LACK_SLOTS, Terminal, plain
from tests.world import World


def pool_of(world: World, name: str) -> dict[str, object]:
    response = world.client.get(f"/work_pools/{name}")
    assert response.status_code == 200, response.text
    pool: dict[str, object] = response.json()
    return pool


def test_create(world: World, terminal: Terminal) -> None:
    name = world.name("pool")

    output = terminal.prefect("work-pool", "create", name, "--type", "process")

    assert f"Created work pool '{name}'" in output.text
    assert pool_of(world, name)["type"] == "process"


@pytest.mark.parametrize("type_", ["docker", "kubernetes", "ecs"])
def test_create_of_another_type_uses_the_template_of_that_type(type_: str, world: World, terminal: Terminal) -> None:
    name = world.name(type_)

    terminal.prefect("work-pool", "create", name, "--type", type_)

    pool = pool_of(world, name)
    assert pool["type"] == type_
    packages = world.client.get("/collections/views/aggregate-worker-metadata").json()
    (worker,) = (types[type_] for types in packages.values() if type_ in types)
    assert pool["base_job_template"] == worker["default_base_job_configuration"]


def test_create_of_an_unknown_type_names_the_known_ones(world: World, terminal: Terminal) -> None:
    output = terminal.prefect("work-pool", "create", world.name("pool"), "--type", "abacus", code=1)

    assert "Unknown work pool type 'abacus'" in output.text
    assert "kubernetes" in output.text


def test_create_with_a_taken_name_is_an_error(world: World, terminal: Terminal) -> None:
    output = terminal.prefect("work-pool", "create", world.pool(), "--type", "process", code=1)

    assert "already exists" in output.text


def test_create_with_overwrite_changes_the_existing_pool(world: World, terminal: Terminal) -> None:
    name = world.pool()
    before = pool_of(world, name)

    output = terminal.prefect("work-pool", "create", name, "--type", "process", "--overwrite", "--paused")

    assert f"Updated work pool '{name}'" in output.text
    after = pool_of(world, name)
    assert (after["id"], after["is_paused"]) == (before["id"], True)


def test_ls_shows_the_pools_in_a_table(world: World, terminal: Terminal) -> None:
    name = world.pool()

    output = terminal.prefect("work-pool", "ls")

    assert output.heads() == ["Name", "Type", "ID", "Concurrency Limit"]
    assert output.row(name) == [name, "process", pool_of(world, name)["id"], "None"]


def test_inspect_shows_the_pool(world: World, terminal: Terminal) -> None:
    name = world.pool()

    output = terminal.prefect("work-pool", "inspect", name)

    assert f"id='{pool_of(world, name)['id']}'" in output.text
    assert "status=WorkPoolStatus.NOT_READY" in output.text


def test_inspect_as_json_shows_the_response_of_the_api(world: World, terminal: Terminal) -> None:
    name = world.pool()

    shown = json.loads(terminal.prefect("work-pool", "inspect", name, "--output", "json").text)

    answered = pool_of(world, name)
    assert {key: shown[key] for key in ("id", "name", "type", "status", "default_queue_id")} == {
        key: answered[key] for key in ("id", "name", "type", "status", "default_queue_id")
    }


def test_inspect_of_a_missing_pool_is_an_error(world: World, terminal: Terminal) -> None:
    output = terminal.prefect("work-pool", "inspect", world.name("none"), code=1)

    assert "not found" in plain(output.text)


def test_update_changes_only_the_given_fields(world: World, terminal: Terminal) -> None:
    name = world.pool()

    terminal.prefect("work-pool", "update", name, "--description", "for etl", "--concurrency-limit", "3")

    pool = pool_of(world, name)
    assert (pool["description"], pool["concurrency_limit"]) == ("for etl", 3)


def test_update_takes_a_template_from_a_file(world: World, terminal: Terminal) -> None:
    name = world.pool()
    template = {
        "job_configuration": {"image": "{{ image }}"},
        "variables": {"properties": {"image": {"type": "string"}}},
    }
    (terminal.folder / "template.json").write_text(json.dumps(template))

    terminal.prefect("work-pool", "update", name, "--base-job-template", "template.json")

    assert pool_of(world, name)["base_job_template"] == template


def test_a_concurrency_limit_is_set_and_cleared(world: World, terminal: Terminal) -> None:
    name = world.pool()

    terminal.prefect("work-pool", "set-concurrency-limit", name, "5")
    assert pool_of(world, name)["concurrency_limit"] == 5
    terminal.prefect("work-pool", "clear-concurrency-limit", name)
    assert pool_of(world, name)["concurrency_limit"] is None


def test_pause_and_resume(world: World, terminal: Terminal) -> None:
    name = world.pool()

    terminal.prefect("work-pool", "pause", name)
    assert pool_of(world, name)["status"] == "PAUSED"
    terminal.prefect("work-pool", "resume", name)
    assert pool_of(world, name)["status"] == "NOT_READY"


def test_preview_finds_no_runs_and_makes_nothing_ready(world: World, terminal: Terminal) -> None:
    name = world.pool()

    output = terminal.prefect("work-pool", "preview", name)

    assert "No runs found" in output.text
    assert pool_of(world, name)["status"] == "NOT_READY"


def test_slots_shows_that_all_slots_are_free(world: World, version: str, terminal: Terminal) -> None:
    if version in LACK_SLOTS:
        pytest.skip(f"{version} has no command for it")
    name = world.pool()
    world.patch(f"/work_pools/{name}", {"concurrency_limit": 3})

    shown = json.loads(terminal.prefect("work-pool", "slots", name, "--output", "json").text)

    assert (shown["active_slots"], shown["concurrency_limit"]) == (0, 3)
    assert [queue["queue_name"] for queue in shown["queues"]] == ["default"]


def test_get_default_base_job_template_prints_it(terminal: Terminal) -> None:
    output = terminal.prefect("work-pool", "get-default-base-job-template", "--type", "docker")

    assert set(json.loads(output.text)) == {"job_configuration", "variables"}


def test_delete_removes_the_queues_from_their_deployments(world: World, terminal: Terminal) -> None:
    name = world.pool()
    deployment = world.deploy(work_pool_name=name)

    terminal.prefect("work-pool", "delete", name)

    assert world.client.get(f"/work_pools/{name}").status_code == 404
    assert [event["event"].rpartition(".")[2] for event in world.life(deployment)] == ["created", "updated"]
