"""Schedules over HTTP: what a redeploy keeps, the ids in the events, and the order of lists."""

from typing import Any

import pytest

from tests.integration.crud.deployments.deployment_routes import read
from tests.world import World, operations, updates

CRON = {"cron": "2 0 * * *", "timezone": None, "day_or": True}


def schedules_by_slug(world: World, deployment: str) -> dict[str | None, dict[str, Any]]:
    return {schedule["slug"]: schedule for schedule in read(world, deployment)["schedules"]}


def test_an_unchanged_redeploy_does_not_resume_a_paused_schedule(world: World) -> None:
    deployment = world.deploy(schedules=[{"slug": "a", "schedule": CRON, "active": False}])
    world.patch(f"/deployments/{deployment}", {"schedules": [{"slug": "a", "schedule": {"cron": "2 0 * * *"}}]})
    assert schedules_by_slug(world, deployment)["a"]["active"] is False
    assert operations(world.life(deployment)) == ["created"]


def test_an_entry_without_a_schedule_is_a_partial_change(world: World) -> None:
    deployment = world.deploy(schedules=[{"slug": "a", "schedule": CRON, "active": False, "parameters": {"n": 1}}])
    world.patch(f"/deployments/{deployment}", {"schedules": [{"slug": "a", "active": True}]})
    schedule = schedules_by_slug(world, deployment)["a"]
    assert (schedule["active"], schedule["schedule"], schedule["parameters"]) == (True, CRON, {"n": 1})


def test_schedules_can_swap_their_slugs(world: World) -> None:
    deployment = world.deploy(
        schedules=[{"slug": slug, "schedule": {"interval": seconds}} for slug, seconds in (("a", 1), ("b", 2))]
    )
    before = schedules_by_slug(world, deployment)
    swap = [{"slug": "b", "replaces": "a"}, {"slug": "a", "replaces": "b"}]
    world.patch(f"/deployments/{deployment}", {"schedules": swap})
    after = schedules_by_slug(world, deployment)
    assert {slug: schedule["id"] for slug, schedule in after.items()} == {
        "a": before["b"]["id"],
        "b": before["a"]["id"],
    }
    assert operations(world.life(deployment)) == ["created", "updated"]


@pytest.mark.parametrize("slugs", [("a", "b", "c"), (None, None, None), ("a", None, None)])
def test_a_redeploy_that_changes_one_schedule_keeps_the_ids_of_the_others(
    slugs: tuple[str | None, ...], world: World
) -> None:
    intervals = (1.0, 2.0, 2.0)
    schedules = [{"slug": slug, "schedule": {"interval": i}} for slug, i in zip(slugs, intervals, strict=True)]
    deployment = world.deploy(schedules=schedules)
    changed = {**schedules[0], "schedule": {"interval": 9.0}}
    world.deploy(200, schedules=[{"schedule": {"interval": 7.0}}, schedules[2], changed, schedules[1]])
    [schedules_diff] = [updates(event)["schedules"] for event in world.life(deployment)[1:]]
    before, after = ({s["id"]: s for s in schedules_diff[side]} for side in ("from", "to"))
    assert len(after) == 4, "ids must be unique"
    unchanged = {id_ for id_, schedule in before.items() if schedule["schedule"]["interval"] == 2.0}
    assert {id_: before[id_] for id_ in unchanged} == {id_: after[id_] for id_ in unchanged}
    assert (next(iter(before)) in after) == (slugs[0] is not None)


def test_the_order_of_schedules_is_irrelevant(world: World) -> None:
    schedules = [{"schedule": {"interval": seconds}} for seconds in (1.0, 2.0, 2.0)]
    deployment = world.deploy(schedules=schedules)
    world.deploy(200, schedules=schedules[::-1])
    world.patch(f"/deployments/{deployment}", {"schedules": schedules[::-1]})
    assert operations(world.life(deployment)) == ["created"]


@pytest.mark.parametrize("stored", [[], [{"schedule": CRON}], [{"schedule": CRON, "slug": "a"}]])
def test_two_new_schedules_with_one_slug_are_a_conflict_on_every_route(stored: list[Any], world: World) -> None:
    deployment = world.deploy(schedules=stored)
    twice = [{"slug": "n", "schedule": CRON}, {"slug": "n", "schedule": {"interval": 1}}]
    world.patch(f"/deployments/{deployment}", {"schedules": twice}, 409)
    world.post(f"/deployments/{deployment}/schedules", twice, 409)
    body = {"flow_id": world.flow(), "name": world.name("nightly"), "schedules": twice}
    world.post("/deployments/", body, 409)
    assert operations(world.life(deployment)) == ["created"]


def test_a_new_schedule_with_a_taken_slug_is_refused(world: World) -> None:
    deployment = world.deploy(schedules=[{"schedule": CRON, "slug": "a"}])
    world.post(f"/deployments/{deployment}/schedules", [{"slug": "a", "schedule": {"interval": 1}}], 409)
    assert schedules_by_slug(world, deployment)["a"]["schedule"] == CRON


def test_the_newest_schedule_is_listed_first(world: World) -> None:
    deployment = world.deploy(schedules=[{"schedule": CRON, "slug": "a"}])
    path = f"/deployments/{deployment}/schedules"
    added = world.post(path, [{"schedule": {"interval": 60}}, {"schedule": {"interval": 9}, "slug": "c"}], 201)
    assert [schedule["slug"] for schedule in added] == [None, "c"]
    listed = world.client.get(path).json()
    assert [schedule["slug"] for schedule in listed] == ["c", None, "a"]
    assert read(world, deployment)["schedules"] == listed
    assert listed[0]["deployment_id"] == deployment
