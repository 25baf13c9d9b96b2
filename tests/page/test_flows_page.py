"""What a person does with flows on the new page, down to the rows and their events."""

import re

from playwright.sync_api import expect

from tests.page.new_events import NewEvents
from tests.page.visit import Visit
from tests.world import World


def test_a_flow_is_deleted_with_its_deployments(visit: Visit, world: World, new_events: NewEvents) -> None:
    world.deploy(flow="doomed", name="one")
    new_events.skip()
    visit.open("/flows")
    visit.search("Flow names", world.name("doomed"))
    visit.choose("Delete", visit.row(world.name("doomed")))

    expect(visit.row(world.name("doomed"))).to_have_count(0)
    new_events.check("deployment.deleted one", "flow.deleted doomed")


def test_many_flows_are_deleted_at_once(visit: Visit, world: World, new_events: NewEvents) -> None:
    for name in ("f1", "f2"):
        world.flow(name)
    new_events.skip()
    visit.open("/flows")
    visit.search("Flow names", world.token)
    expect(visit.row(world.token)).to_have_count(2)
    visit.page.get_by_role("checkbox", name="Select all").click()
    visit.button("Delete selected flows").click()

    expect(visit.row(world.token)).to_have_count(0)
    new_events.check("flow.deleted f1", "flow.deleted f2")


def test_a_flow_lists_its_deployments(visit: Visit, world: World) -> None:
    world.deploy(name="one")
    visit.open("/flows")
    visit.search("Flow names", world.name("etl"))
    visit.row(world.name("etl")).get_by_role("link", name="1 Deployment").click()

    visit.page.wait_for_url(re.compile("tab=deployments"))
    expect(visit.row(world.name("one"))).to_be_visible()


def test_many_deployments_of_a_flow_are_deleted_at_once(visit: Visit, world: World, new_events: NewEvents) -> None:
    for name in ("one", "two"):
        world.deploy(name=name)
    new_events.skip()
    visit.open(f"/flows/flow/{world.flow()}?tab=deployments")
    visit.page.get_by_role("checkbox", name="Select all").click()
    visit.button("Delete selected deployments").click()
    visit.answer("Delete")

    expect(visit.row(world.name("one"))).to_have_count(0)
    new_events.check("deployment.deleted one", "deployment.deleted two")
