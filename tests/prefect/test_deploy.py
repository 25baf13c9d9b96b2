"""`prefect deploy`, from a prefect.yaml and from options."""

from typing import Any

import pytest

from tests.prefect.terminal import Terminal
from tests.world import World, assert_unbroken, operations, updates


@pytest.fixture
def pool(world: World, terminal: Terminal) -> str:
    """A pool, and a prefect.yaml whose deployments use it and have unique names."""
    pool = world.pool()
    file = terminal.folder / "prefect.yaml"
    text = file.read_text().replace('"{{ $POOL }}"', pool)
    for name in ("nightly", "weekly"):
        text = text.replace(f"name: {name}", f"name: {world.name(name)}")
    file.write_text(text)
    return pool


def find(world: World, flow: str, name: str) -> Any:
    response = world.client.get(f"/deployments/name/{flow}/{world.name(name)}")
    assert response.status_code == 200, response.text
    return response.json()


def test_deploy_all_creates_every_deployment(world: World, pool: str, terminal: Terminal) -> None:
    output = terminal.prefect("deploy", "--all")

    nightly, weekly = find(world, "etl", "nightly"), find(world, "report", "weekly")
    assert output.text.count("successfully created with id") == 2
    assert (nightly["work_pool_name"], nightly["work_queue_name"]) == (pool, "default")
    assert (nightly["parameters"], nightly["description"], nightly["version"]) == ({"n": 3}, "Adds up at night.", "1")
    assert nightly["schedules"][0]["schedule"] == {"cron": "0 3 * * *", "timezone": "Europe/Rome", "day_or": True}
    assert nightly["pull_steps"][0]["prefect.deployments.steps.set_working_directory"]["directory"] == "/srv/project"
    assert nightly["global_concurrency_limit"]["limit"] == 2
    assert weekly["work_queue_name"] == "slow"
    assert [operations(world.life(each["id"])) for each in (nightly, weekly)] == [["created"], ["created"]]


def test_an_unchanged_deploy_has_no_event(world: World, pool: str, terminal: Terminal) -> None:
    for _ in range(2):
        terminal.prefect("deploy", "--all")

    for flow, name in (("etl", "nightly"), ("report", "weekly")):
        assert operations(world.life(find(world, flow, name)["id"])) == ["created"]


def test_a_changed_deploy_has_one_event_with_its_diff(world: World, pool: str, terminal: Terminal) -> None:
    terminal.prefect("deploy", "--name", world.name("nightly"))
    file = terminal.folder / "prefect.yaml"
    file.write_text(file.read_text().replace('version: "1"', 'version: "2"'))

    terminal.prefect("deploy", "--name", world.name("nightly"))

    events = world.life(find(world, "etl", "nightly")["id"])
    assert_unbroken(events)
    assert operations(events) == ["created", "updated"]
    assert updates(events[1]) == {"version": {"from": "1", "to": "2"}}


def test_deploy_works_with_options_only(world: World, pool: str, terminal: Terminal) -> None:
    (terminal.folder / "prefect.yaml").unlink()
    name = world.name("by-hand")

    terminal.prefect(
        "deploy", "flows.py:etl", "--name", name, "--pool", pool, "--cron", "1 1 * * *", "--tag", "z", "--param", "n=3",
        "--concurrency-limit", "2", "--collision-strategy", "CANCEL_NEW", "--job-variable", '{"env": {"A": "b"}}',
    )  # fmt: skip

    stored = find(world, "etl", "by-hand")
    assert (stored["tags"], stored["parameters"], stored["job_variables"]) == (["z"], {"n": 3}, {"env": {"A": "b"}})
    assert stored["concurrency_options"]["collision_strategy"] == "CANCEL_NEW"


def test_triggers_are_refused_after_the_deployment_is_stored(world: World, pool: str, terminal: Terminal) -> None:
    trigger = '{"type": "event", "expect": ["x"], "posture": "Reactive", "name": "t"}'

    output = terminal.prefect("deploy", "--name", world.name("nightly"), "--trigger", trigger, code=1)

    assert "aftercommit has no automations" in output.errors + output.text
    assert find(world, "etl", "nightly")["version"] == "1"
