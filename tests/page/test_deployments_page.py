"""What a person does with deployments on the new page, down to the row and its event."""

import re

import pytest
from playwright.sync_api import expect

from tests.page.new_events import NewEvents
from tests.page.visit import Visit
from tests.world import World, operations, updates

SCHEMA = {"type": "object", "properties": {"n": {"type": "integer", "title": "n"}}}


@pytest.fixture
def deployment(world: World, new_events: NewEvents) -> str:
    """A deployment with a parameter and a schedule, in a work pool."""
    deployment = world.deploy(
        work_pool_name=world.pool(),
        parameters={"n": 1},
        parameter_openapi_schema=SCHEMA,
        tags=["red"],
        schedules=[{"slug": "a", "schedule": {"cron": "0 1 * * *", "timezone": "UTC"}, "active": True}],
    )
    new_events.skip()
    return deployment


@pytest.fixture
def opened(visit: Visit, world: World, deployment: str) -> str:
    """The deployment, with its page open."""
    visit.open(f"/deployments/deployment/{deployment}")
    visit.shows(world.name("nightly"), world.name("etl"))
    return deployment


def schedules(world: World, deployment: str) -> list[dict[str, object]]:
    """Return the schedules of a deployment."""
    return [
        {**each["schedule"], "active": each["active"]}
        for each in world.client.get(f"/deployments/{deployment}").json()["schedules"]
    ]


def test_a_schedule_is_added(visit: Visit, world: World, opened: str, new_events: NewEvents) -> None:
    visit.button("Schedule", visit.page.get_by_role("complementary")).click()
    visit.dialog().get_by_role("tab", name="Cron").click()
    visit.dialog().get_by_label("Value").fill("5 4 * * *")
    visit.answer("Save")

    visit.shows("At 04:05 AM")
    new_events.check("deployment.updated nightly")
    assert [each["cron"] for each in schedules(world, opened)] == ["5 4 * * *", "0 1 * * *"]


def test_a_schedule_is_switched_off(visit: Visit, world: World, opened: str, new_events: NewEvents) -> None:
    switch = visit.page.get_by_role("switch", name="toggle At 01:00 AM")
    switch.click()

    expect(switch).not_to_be_checked()
    new_events.check("deployment.updated nightly")
    assert [each["active"] for each in schedules(world, opened)] == [False]


def test_a_schedule_is_edited(visit: Visit, world: World, opened: str, new_events: NewEvents) -> None:
    visit.choose("Edit", visit.page.get_by_role("complementary"))
    visit.dialog().get_by_label("Value").fill("0 2 * * *")
    visit.answer("Save")

    visit.shows("At 02:00 AM")
    new_events.check("deployment.updated nightly")
    assert [each["cron"] for each in schedules(world, opened)] == ["0 2 * * *"]


def test_a_schedule_is_deleted(visit: Visit, world: World, opened: str, new_events: NewEvents) -> None:
    visit.choose("Delete", visit.page.get_by_role("complementary"))
    visit.answer("Delete")

    expect(visit.page.get_by_text("At 01:00 AM")).to_have_count(0)
    new_events.check("deployment.updated nightly")
    assert schedules(world, opened) == []


def test_it_is_edited(visit: Visit, world: World, opened: str, new_events: NewEvents) -> None:
    visit.choose("Edit", visit.page.get_by_role("main"))
    parameter = visit.page.get_by_role("spinbutton", name=re.compile(r"^n\b"))
    expect(parameter).to_have_value("1")
    parameter.fill("7")
    visit.page.get_by_placeholder("Enter tags").fill("blue")
    visit.page.keyboard.press("Enter")
    visit.button("Save").click()

    visit.page.wait_for_url(re.compile(f"/deployments/deployment/{opened}(\\?|$)"))
    new_events.check("deployment.updated nightly")
    event = world.life(opened)[-1]
    assert updates(event)["parameters"]["to"] == {"n": 7}
    assert updates(event)["tags"]["to"] == ["red", "blue"]


def test_it_is_duplicated(visit: Visit, world: World, opened: str, new_events: NewEvents) -> None:
    visit.choose("Duplicate", visit.page.get_by_role("main"))
    expect(visit.field("Name")).to_have_value(world.name("nightly"))
    expect(visit.page.get_by_role("spinbutton", name=re.compile(r"^n\b"))).to_have_value("1")
    visit.field("Name").fill(world.name("copy"))
    expect(visit.field("Name")).to_have_value(world.name("copy"))
    visit.button("Save").click()

    visit.page.wait_for_url(re.compile(rf"/deployments/deployment/(?!{opened})[0-9a-f-]{{36}}(\?|$)"))
    new_events.check("deployment.created copy")
    copy = world.client.get(f"/deployments/name/{world.name('etl')}/{world.name('copy')}").json()
    assert (copy["parameters"], copy["tags"], copy["work_pool_name"]) == ({"n": 1}, ["red"], world.name("pool"))


def test_it_is_deleted(visit: Visit, world: World, opened: str, new_events: NewEvents) -> None:
    visit.choose("Delete", visit.page.get_by_role("main"))
    visit.answer("Delete")

    visit.page.wait_for_url(re.compile(r"/deployments(\?|$)"))
    new_events.check("deployment.deleted nightly")
    assert operations(world.life(opened)) == ["created", "deleted"]


def test_the_tabs_show_its_values(visit: Visit, world: World, opened: str) -> None:
    visit.page.get_by_role("tab", name="Parameters").click()
    visit.shows("integer")
    visit.page.get_by_role("tab", name="Configuration").click()
    visit.shows("Job Variables")
    visit.page.get_by_role("tab", name="Description").click()
    visit.page.get_by_role("tab", name="Upcoming").click()
    visit.shows("No runs found")
