"""What has no meaning here ends in a message on the old page, which says why."""

import pytest
from playwright.sync_api import expect

from tests.page.new_events import NewEvents
from tests.page.old.parts import choose, head, pick
from tests.page.test_refused_actions import NOTHING_RUNS
from tests.page.visit import Visit
from tests.world import World


def test_a_quick_run_says_why_it_cannot_run(visit: Visit, deployment: str, new_events: NewEvents) -> None:
    visit.open(f"/deployments/deployment/{deployment}")
    visit.button("Run", head(visit)).click()
    visit.button("Quick run").click()

    visit.shows(NOTHING_RUNS)
    new_events.check()


def test_a_quick_run_from_the_list_says_why_it_cannot_run(
    visit: Visit, world: World, deployment: str, new_events: NewEvents
) -> None:
    visit.open("/deployments")
    visit.search("Search deployments", world.token)
    visit.shows("1 Deployment")
    choose(visit, "Quick run", visit.row(world.token))

    visit.shows(NOTHING_RUNS)
    new_events.check()
    assert world.client.get(f"/deployments/{deployment}").status_code == 200


@pytest.mark.parametrize("start", ["Now", "Later"])
def test_a_custom_run_says_why_it_cannot_run(visit: Visit, deployment: str, new_events: NewEvents, start: str) -> None:
    visit.open(f"/deployments/deployment/{deployment}/run")
    visit.button(start).click()
    visit.button("Submit").click()

    visit.shows(NOTHING_RUNS)
    new_events.check()


def test_a_variable_says_why_it_is_not_created(visit: Visit, new_events: NewEvents) -> None:
    visit.open("/variables")
    visit.button("Add Variable").click()
    name, value = visit.dialog().get_by_role("textbox").all()
    name.fill("colour")
    value.press_sequentially("1")
    visit.button("Create", visit.dialog()).click()

    visit.shows("aftercommit has no variables.")
    new_events.check()


def test_an_automation_says_why_it_is_not_created(visit: Visit, new_events: NewEvents) -> None:
    visit.open("/automations/create")
    pick(visit, visit.button("Trigger Template"), "Deployment status")
    visit.button("Next").click()
    pick(visit, visit.button("Action Type"), "Cancel a flow run")
    visit.button("Next").click()
    visit.page.get_by_role("textbox").first.fill("nightly")
    visit.button("Save").click()

    visit.shows("aftercommit has no automations.")
    new_events.check()


def test_no_block_is_offered(visit: Visit) -> None:
    visit.open("/blocks/catalog")

    visit.shows("0 Blocks")
    expect(visit.button("Create")).to_have_count(0)
