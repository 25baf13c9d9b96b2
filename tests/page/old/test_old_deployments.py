"""What a person does with a deployment on the old page, down to the row and its event."""

import re

import pytest
from playwright.sync_api import Locator, expect

from tests.page.new_events import NewEvents
from tests.page.old.parts import choose, head
from tests.page.visit import Visit
from tests.world import World, operations, updates


@pytest.fixture
def opened(visit: Visit, deployment: str) -> str:
    """The deployment, with its page open."""
    visit.open(f"/deployments/deployment/{deployment}")
    return deployment


def schedules(world: World, deployment: str) -> list[tuple[str, bool]]:
    """Return the cron expression of each schedule of a deployment, and whether it is active."""
    found = world.client.get(f"/deployments/{deployment}").json()["schedules"]
    return [(each["schedule"]["cron"], each["active"]) for each in found]


def choose_of_schedule(visit: Visit, item: str) -> None:
    """Choose an item of the menu beside the switch of the only schedule."""
    visit.page.get_by_role("switch").locator("xpath=following::button[1]").click()
    visit.button(item, visit.page.locator(".p-overflow-menu")).click()


def cron_field(visit: Visit) -> Locator:
    """Return the field of the open dialog that has the cron expression."""
    return visit.dialog().get_by_role("textbox").last


def test_a_schedule_is_switched_off(visit: Visit, world: World, opened: str, new_events: NewEvents) -> None:
    visit.page.get_by_role("switch").click()

    new_events.check("deployment.updated nightly")
    assert schedules(world, opened) == [("0 1 * * *", False)]


def test_a_schedule_is_added(visit: Visit, world: World, opened: str, new_events: NewEvents) -> None:
    visit.button("Schedule").click()
    visit.button("Cron", visit.dialog()).click()
    cron_field(visit).fill("5 4 * * *")
    visit.answer("Save")

    new_events.check("deployment.updated nightly")
    assert schedules(world, opened) == [("5 4 * * *", True), ("0 1 * * *", True)]


def test_a_schedule_is_edited(visit: Visit, world: World, opened: str, new_events: NewEvents) -> None:
    choose_of_schedule(visit, "Edit")
    expect(cron_field(visit)).to_have_value("0 1 * * *")
    cron_field(visit).fill("0 2 * * *")
    visit.answer("Save")

    new_events.check("deployment.updated nightly")
    assert schedules(world, opened) == [("0 2 * * *", True)]


def test_a_schedule_is_deleted(visit: Visit, world: World, opened: str, new_events: NewEvents) -> None:
    choose_of_schedule(visit, "Delete")
    visit.answer("Delete")

    new_events.check("deployment.updated nightly")
    assert schedules(world, opened) == []


def test_a_deployment_is_edited(visit: Visit, world: World, opened: str, new_events: NewEvents) -> None:
    choose(visit, "Edit", head(visit))
    visit.page.get_by_placeholder("Unlimited").fill("4")
    visit.button("Save").click()

    visit.shows("Deployment updated")
    new_events.check("deployment.updated nightly", f"concurrency-limit.created deployment:{opened}")
    event = world.life(opened)[-1]
    assert updates(event)["concurrency_limit"]["to"] == 4


def test_a_deployment_is_duplicated(visit: Visit, world: World, deployment: str, new_events: NewEvents) -> None:
    visit.open(f"/deployments/deployment/{deployment}/duplicate")
    name = visit.page.get_by_role("textbox").first
    expect(name).to_have_value(world.name("nightly"))
    name.fill(world.name("copy"))
    visit.button("Save").click()

    visit.page.wait_for_url(re.compile(rf"/deployments/deployment/(?!{deployment})[0-9a-f-]{{36}}(\?|$)"))
    new_events.check("deployment.created copy")
    copy = world.client.get(f"/deployments/name/{world.name('etl')}/{world.name('copy')}").json()
    assert copy["work_pool_name"] == world.name("pool")


def test_a_deployment_is_deleted(visit: Visit, world: World, opened: str, new_events: NewEvents) -> None:
    choose(visit, "Delete", head(visit))
    visit.answer("Delete")

    visit.shows("Deployment deleted")
    new_events.check("deployment.deleted nightly")
    assert operations(world.life(opened)) == ["created", "deleted"]
