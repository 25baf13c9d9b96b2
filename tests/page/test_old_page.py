"""What a person does on the old page, in dark colours, down to the row and its event."""

import re

import pytest
from playwright.sync_api import Locator, expect

from tests.page.new_events import NewEvents
from tests.page.visit import Scheme, Ui, Visit
from tests.world import World

CRON = [{"slug": "a", "schedule": {"cron": "0 1 * * *", "timezone": "UTC"}, "active": True}]


@pytest.fixture
def ui() -> Ui:
    """The old page."""
    return "v1"


@pytest.fixture
def scheme() -> Scheme:
    """Dark; the tests of the new page have light colours."""
    return "dark"


@pytest.fixture
def deployment(world: World, new_events: NewEvents) -> str:
    """A deployment with a schedule, in a work pool."""
    deployment = world.deploy(work_pool_name=world.pool(), schedules=CRON)
    new_events.skip()
    return deployment


def choose(visit: Visit, item: str, menu: Locator) -> None:
    """Open a menu, which is the last button of its row or head, and choose an item."""
    menu.get_by_role("button").last.click()
    visit.button(item, visit.page.locator(".p-overflow-menu")).click()


def head(visit: Visit) -> Locator:
    """Return the head of the page."""
    return visit.page.get_by_role("banner")


def test_many_deployments_are_deleted_at_once(visit: Visit, world: World, new_events: NewEvents) -> None:
    for name in ("one", "two"):
        world.deploy(name=name)
    new_events.skip()
    visit.open("/deployments")
    visit.page.get_by_role("searchbox", name="Search deployments").fill(world.token)
    expect(visit.row(world.token)).to_have_count(2)
    for row in visit.row(world.token).all():
        row.get_by_role("checkbox").click()
    visit.page.get_by_text("2 selected").locator("xpath=following::button[1]").click()
    visit.answer("Delete")

    new_events.check("deployment.deleted one", "deployment.deleted two")
    expect(visit.row(world.token)).to_have_count(0)


def test_a_schedule_is_switched_off(visit: Visit, world: World, deployment: str, new_events: NewEvents) -> None:
    visit.open(f"/deployments/deployment/{deployment}")
    visit.page.get_by_role("switch").click()

    new_events.check("deployment.updated nightly")
    (schedule,) = world.client.get(f"/deployments/{deployment}").json()["schedules"]
    assert schedule["active"] is False


def test_a_schedule_is_added(visit: Visit, world: World, deployment: str, new_events: NewEvents) -> None:
    visit.open(f"/deployments/deployment/{deployment}")
    visit.button("Schedule").click()
    visit.button("Cron", visit.dialog()).click()
    visit.dialog().get_by_role("textbox").last.fill("5 4 * * *")
    visit.answer("Save")

    new_events.check("deployment.updated nightly")
    added, _ = world.client.get(f"/deployments/{deployment}").json()["schedules"]
    assert added["schedule"]["cron"] == "5 4 * * *"


def test_a_deployment_is_edited(visit: Visit, world: World, deployment: str, new_events: NewEvents) -> None:
    visit.open(f"/deployments/deployment/{deployment}/edit")
    visit.page.get_by_role("spinbutton").fill("4")
    visit.button("Save").click()

    new_events.check("deployment.updated nightly")
    assert world.client.get(f"/deployments/{deployment}").json()["global_concurrency_limit"]["limit"] == 4


def test_a_deployment_is_deleted(visit: Visit, deployment: str, new_events: NewEvents) -> None:
    visit.open(f"/deployments/deployment/{deployment}")
    choose(visit, "Delete", head(visit))
    visit.answer("Delete")

    new_events.check("deployment.deleted nightly")
    visit.page.wait_for_url(re.compile(r"/deployments(\?|$)"))


def test_a_quick_run_says_why_it_cannot_run(visit: Visit, deployment: str, new_events: NewEvents) -> None:
    visit.open(f"/deployments/deployment/{deployment}")
    visit.button("Run", head(visit)).click()
    visit.button("Quick run").click()

    visit.shows("aftercommit is a registry of deployments and does not run them.")
    new_events.check()


def test_a_flow_is_deleted_with_its_deployments(visit: Visit, world: World, new_events: NewEvents) -> None:
    world.deploy(flow="doomed", name="one")
    new_events.skip()
    visit.open("/flows")
    visit.page.get_by_role("searchbox", name="Search flows").fill(world.name("doomed"))
    choose(visit, "Delete", visit.row(world.name("doomed")))
    visit.answer("Delete")

    new_events.check("deployment.deleted one", "flow.deleted doomed")


def test_a_pool_is_paused_and_deleted(visit: Visit, world: World, new_events: NewEvents) -> None:
    pool = world.pool()
    new_events.skip()
    visit.open(f"/work-pools/work-pool/{pool}")
    head(visit).get_by_role("switch").click()
    new_events.check("work-pool.paused pool")

    choose(visit, "Delete", head(visit))
    visit.answer("Delete")
    new_events.check("work-pool.deleted pool", "work-queue.deleted default")


def test_a_global_limit_is_created_and_deleted(visit: Visit, world: World, new_events: NewEvents) -> None:
    name = world.name("db")
    visit.open("/concurrency-limits")
    visit.page.get_by_role("tabpanel").get_by_role("button").first.click()
    visit.dialog().get_by_role("textbox").fill(name)
    visit.dialog().get_by_role("spinbutton").first.fill("3")
    visit.answer("Create")
    new_events.check("concurrency-limit.created db")

    choose(visit, "Delete", visit.row(name))
    visit.answer("Delete")
    new_events.check("concurrency-limit.deleted db")


def test_the_feed_shows_an_event_with_its_diff(visit: Visit, world: World, deployment: str) -> None:
    world.patch(f"/deployments/{deployment}", {"version": "2"})
    event = world.life(deployment)[-1]
    visit.open("/events")
    visit.shows(world.name("nightly"))
    visit.open(f"/events/event/{event['occurred'][:10]}/{event['id']}")
    visit.page.get_by_role("listitem").filter(has_text="Raw").click()

    expect(visit.page.get_by_role("tabpanel")).to_contain_text('"updated_fields"')
