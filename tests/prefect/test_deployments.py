"""`prefect deployment`, `prefect deployment schedule` and `prefect flow ls`."""

import json
from typing import Any

import pytest

from tests.prefect.terminal import Terminal, plain
from tests.world import World, operations

CRON = {"schedule": {"cron": "0 3 * * *"}}


@pytest.fixture
def name(world: World) -> str:
    """The `flow/deployment` name of a deployment with one schedule."""
    world.deploy(work_pool_name=world.pool(), schedules=[CRON], tags=["a"])
    return f"{world.name('etl')}/{world.name('nightly')}"


def read(world: World, name: str) -> Any:
    return world.client.get(f"/deployments/name/{name}").json()


def test_ls_shows_the_deployments_in_a_table(world: World, name: str, terminal: Terminal) -> None:
    output = terminal.prefect("deployment", "ls")

    assert output.heads() == ["Name", "ID", "Work Pool"]
    assert output.row(name) == [name, read(world, name)["id"], world.name("pool")]


def test_ls_of_one_flow(world: World, name: str, terminal: Terminal) -> None:
    world.deploy(flow="other")

    output = terminal.prefect("deployment", "ls", "--flow-name", world.name("etl"))

    assert [row[0] for row in output.table()] == [name]


def test_flow_ls(world: World, name: str, terminal: Terminal) -> None:
    output = terminal.prefect("flow", "ls")

    assert output.heads() == ["ID", "Name", "Created"]
    assert output.row(read(world, name)["flow_id"])[1] == world.name("etl")


def test_inspect_as_json_shows_the_response_of_the_api(world: World, name: str, terminal: Terminal) -> None:
    shown = json.loads(terminal.prefect("deployment", "inspect", name, "--output", "json").text)

    answered = read(world, name)
    assert shown["automations"] == []
    for key in ("id", "name", "flow_id", "paused", "tags", "work_pool_name", "status", "last_polled", "parameters"):
        assert shown[key] == answered[key], key


def test_inspect_of_a_missing_deployment_is_an_error(terminal: Terminal) -> None:
    assert "'a/b' not found" in plain(terminal.prefect("deployment", "inspect", "a/b", code=1).text)


def test_run_is_refused_with_the_reason(name: str, terminal: Terminal) -> None:
    output = terminal.prefect("deployment", "run", name, code=1)

    assert "does not run them" in plain(output.text + output.errors)


def test_delete(world: World, name: str, terminal: Terminal) -> None:
    deployment = read(world, name)["id"]

    terminal.prefect("deployment", "delete", name)

    assert operations(world.life(deployment)) == ["created", "deleted"]


def test_delete_of_all_has_an_event_for_each(world: World, terminal: Terminal) -> None:
    deployments = [world.deploy(name=f"d{number}") for number in range(3)]

    terminal.prefect("deployment", "delete", "--all")

    assert [operations(world.life(each))[-1] for each in deployments] == ["deleted"] * 3


@pytest.mark.parametrize(
    ("option", "value", "stored"),
    [
        ("--cron", "2 2 * * *", {"cron": "2 2 * * *"}),
        ("--interval", "3600", {"interval": 3600.0}),
        ("--rrule", '{"rrule": "FREQ=DAILY"}', {"timezone": "UTC"}),
    ],
)
def test_schedule_create(
    option: str, value: str, stored: dict[str, Any], world: World, name: str, terminal: Terminal
) -> None:
    terminal.prefect("deployment", "schedule", "create", name, option, value)

    (created, _) = read(world, name)["schedules"]  # the newest first
    assert {key: created["schedule"][key] for key in stored} == stored
    assert operations(world.life(read(world, name)["id"])) == ["created", "updated"]


def test_schedule_create_can_replace_the_other_schedules(world: World, name: str, terminal: Terminal) -> None:
    terminal.prefect("deployment", "schedule", "create", name, "--cron", "2 2 * * *", "--replace", "-y")

    assert [each["schedule"]["cron"] for each in read(world, name)["schedules"]] == ["2 2 * * *"]


def test_schedule_ls_shows_them_in_a_table(world: World, name: str, terminal: Terminal) -> None:
    output = terminal.prefect("deployment", "schedule", "ls", name)

    (schedule,) = read(world, name)["schedules"]
    assert output.heads() == ["ID", "Schedule", "Active"]
    assert output.row(schedule["id"]) == [schedule["id"], "cron: 0 3 * * *", "True"]


def test_schedule_pause_and_resume(world: World, name: str, terminal: Terminal) -> None:
    (schedule,) = read(world, name)["schedules"]

    terminal.prefect("deployment", "schedule", "pause", name, schedule["id"])
    assert read(world, name)["schedules"][0]["active"] is False
    terminal.prefect("deployment", "schedule", "resume", name, schedule["id"])
    assert read(world, name)["schedules"][0]["active"] is True
    assert operations(world.life(read(world, name)["id"])) == ["created", "updated", "updated"]


def test_schedule_delete(world: World, name: str, terminal: Terminal) -> None:
    terminal.prefect("deployment", "schedule", "delete", name, read(world, name)["schedules"][0]["id"], "-y")

    assert read(world, name)["schedules"] == []


def test_schedule_clear(world: World, name: str, terminal: Terminal) -> None:
    terminal.prefect("deployment", "schedule", "clear", name, "-y")

    assert read(world, name)["schedules"] == []
