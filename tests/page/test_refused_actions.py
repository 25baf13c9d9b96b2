"""What has no meaning here ends in a message on the new page, which says why."""

import pytest
from playwright.sync_api import expect

from tests.page.new_events import NewEvents
from tests.page.visit import Visit
from tests.world import World

NOTHING_RUNS = "aftercommit is a registry of deployments and does not run them."


@pytest.fixture
def deployment(world: World, new_events: NewEvents) -> str:
    """A deployment."""
    deployment = world.deploy()
    new_events.skip()
    return deployment


def test_a_quick_run_says_why_it_cannot_run(visit: Visit, deployment: str, new_events: NewEvents) -> None:
    visit.open(f"/deployments/deployment/{deployment}")
    visit.button("Run").click()
    visit.page.get_by_role("menuitem", name="Quick run").click()

    visit.shows(NOTHING_RUNS)
    new_events.check()


def test_a_quick_run_from_the_list_says_why_it_cannot_run(
    visit: Visit, world: World, deployment: str, new_events: NewEvents
) -> None:
    visit.open("/deployments")
    visit.search("Search deployments", world.token)
    visit.choose("Quick Run", visit.row(world.token))

    visit.shows(NOTHING_RUNS)
    new_events.check()


@pytest.mark.parametrize("start", ["Now", "Later"])
def test_a_custom_run_says_why_it_cannot_run(visit: Visit, deployment: str, new_events: NewEvents, start: str) -> None:
    visit.open(f"/deployments/deployment/{deployment}/run")
    visit.page.get_by_role("tab", name=start).click()
    visit.button("Submit").click()

    visit.shows(NOTHING_RUNS)
    new_events.check()


def test_a_variable_says_why_it_is_not_created(visit: Visit, new_events: NewEvents) -> None:
    visit.open("/variables")
    visit.button("Add Variable").click()
    visit.field("Name").fill("colour")
    visit.dialog().locator(".cm-content").fill("1")
    visit.button("Create", visit.dialog()).click()

    visit.shows("aftercommit has no variables.")
    new_events.check()


def test_an_automation_says_why_it_is_not_created(visit: Visit, new_events: NewEvents) -> None:
    visit.open("/automations/create")
    for _ in ("the trigger", "the action"):
        visit.page.get_by_role("combobox").first.click()
        visit.page.get_by_role("option").first.click()
        visit.button("Next").click()
    visit.field("Automation Name").fill("nightly")
    visit.button("Save").click()

    visit.shows("Failed to create automation: aftercommit has no automations.")
    new_events.check()


def test_no_block_is_offered(visit: Visit) -> None:
    visit.open("/blocks/catalog")

    visit.shows("0 Blocks")


def test_the_address_of_a_block_type_says_that_there_are_none(visit: Visit) -> None:
    visit.open("/blocks/catalog/secret/create")

    visit.shows("aftercommit has no block types.")
    expect(visit.button("Retry now")).to_be_visible()
