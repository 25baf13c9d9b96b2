"""`flow.deploy()` and `flow.from_source(...).deploy()`, called by a user's own script."""

from typing import Any

import pytest

from tests.prefect.terminal import Terminal
from tests.world import World, assert_unbroken, operations, updates


def deploy(world: World, terminal: Terminal, pool: str, how: str) -> str:
    """Deploy and return the deployment's id."""
    output = terminal.script("deploy.py", world.name("nightly"), pool, how)
    assert "Successfully created/updated all deployments!" in output.text
    assert ["etl/" + world.name("nightly"), "applied", ""] in output.table()
    return output.text.split()[-1]


def read(world: World, deployment: str) -> Any:
    return world.client.get(f"/deployments/{deployment}").json()


def test_the_first_deploy_creates_the_deployment(world: World, terminal: Terminal) -> None:
    pool = world.pool()

    deployment = deploy(world, terminal, pool, "plain")

    stored = read(world, deployment)
    assert (stored["entrypoint"], stored["work_pool_name"], stored["tags"]) == ("flows.py:etl", pool, ["a"])
    (event,) = world.life(deployment)
    assert event["event"] == "prefect.deployment.created"


def test_an_unchanged_deploy_has_no_event(world: World, terminal: Terminal) -> None:
    pool = world.pool()
    deployment = deploy(world, terminal, pool, "plain")

    assert deploy(world, terminal, pool, "plain") == deployment

    assert operations(world.life(deployment)) == ["created"]


def test_a_changed_deploy_has_one_event_with_its_diff(world: World, terminal: Terminal) -> None:
    pool = world.pool()
    deployment = deploy(world, terminal, pool, "plain")

    deploy(world, terminal, pool, "changed")

    events = world.life(deployment)
    assert_unbroken(events)
    assert updates(events[1]) == {
        "description": {"from": "Add up.", "to": "changed"},
        "parameters": {"from": {}, "to": {"n": 7}},
        "tags": {"from": ["a"], "to": ["a", "b"]},
        "version": {"from": "1", "to": "2"},
    }


def test_unchanged_schedules_have_no_event_and_keep_their_ids(world: World, terminal: Terminal) -> None:
    pool = world.pool()
    deployment = deploy(world, terminal, pool, "scheduled")
    schedules = read(world, deployment)["schedules"]

    deploy(world, terminal, pool, "scheduled")

    assert [schedule["slug"] for schedule in schedules] == ["hourly", "at-three"]
    assert [schedule["id"] for schedule in read(world, deployment)["schedules"]] == [
        schedule["id"] for schedule in schedules
    ]
    assert operations(world.life(deployment)) == ["created"]


@pytest.mark.parametrize(
    ("how", "options"),
    [
        ("limited", None),
        ("limited with a strategy", {"collision_strategy": "CANCEL_NEW", "grace_period_seconds": None}),
    ],
)
def test_a_concurrency_limit_is_the_own_limit_of_the_deployment(
    how: str, options: Any, world: World, terminal: Terminal
) -> None:
    deployment = deploy(world, terminal, world.pool(), how)

    stored = read(world, deployment)
    limit = stored["global_concurrency_limit"]
    assert (limit["name"], limit["limit"]) == (f"deployment:{deployment}", 4)
    assert stored["concurrency_options"] == options


def test_job_variables_and_a_queue_can_be_given(world: World, terminal: Terminal) -> None:
    deployment = deploy(world, terminal, world.pool(), "with variables")

    stored = read(world, deployment)
    assert (stored["job_variables"], stored["work_queue_name"]) == ({"env": {"API_KEY": "s3cr3t"}}, "fast")
    assert "s3cr3t" not in str(world.life(deployment))


def test_an_image_can_be_deployed_without_building_it(world: World, terminal: Terminal) -> None:
    pool = world.name("docker")
    terminal.prefect("work-pool", "create", pool, "--type", "docker")

    output = terminal.script("deploy_image.py", world.name("image"), pool)

    stored = read(world, output.text.split()[-1])
    assert stored["job_variables"] == {"image": "registry.local/etl:1"}


def test_a_missing_pool_is_reported(world: World, terminal: Terminal) -> None:
    output = terminal.script("deploy.py", "nightly", world.name("none"), "plain", code=1)

    assert "Could not find work pool" in output.errors
