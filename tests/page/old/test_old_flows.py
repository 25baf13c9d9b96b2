"""What a person does with flows on the old page, down to the rows and their events."""

from playwright.sync_api import expect

from tests.page.new_events import NewEvents
from tests.page.old.parts import choose, delete_ticked
from tests.page.visit import Visit
from tests.world import World


def test_a_flow_is_deleted_with_its_deployments(visit: Visit, world: World, new_events: NewEvents) -> None:
    world.deploy(flow="doomed", name="one")
    new_events.skip()
    visit.open("/flows")
    visit.search("Search flows", world.name("doomed"))
    choose(visit, "Delete", visit.row(world.name("doomed")))
    visit.answer("Delete")

    expect(visit.row(world.name("doomed"))).to_have_count(0)
    new_events.check("deployment.deleted one", "flow.deleted doomed")


def test_many_flows_are_deleted_at_once(visit: Visit, world: World, new_events: NewEvents) -> None:
    for name in ("f1", "f2"):
        world.flow(name)
    new_events.skip()
    visit.open("/flows")
    visit.search("Search flows", world.token)
    visit.page.get_by_role("checkbox", name="Select all 2 items").click()
    delete_ticked(visit, 2)

    expect(visit.row(world.token)).to_have_count(0)
    new_events.check("flow.deleted f1", "flow.deleted f2")


def test_a_flow_lists_its_deployments(visit: Visit, world: World) -> None:
    world.deploy(name="one")
    visit.open("/flows")
    visit.search("Search flows", world.name("etl"))
    visit.row(world.name("etl")).get_by_role("link", name="1 Deployment").click()

    visit.page.wait_for_url(lambda url: "tab=Deployments" in url)
    expect(visit.row(world.name("one"))).to_be_visible()
