"""What a person does with the list of deployments on the old page, down to the rows and their events."""

from playwright.sync_api import expect

from tests.page.new_events import NewEvents
from tests.page.old.parts import choose, delete_ticked, pick
from tests.page.visit import Visit
from tests.world import World


def test_the_list_is_searched(visit: Visit, world: World) -> None:
    for name in ("one", "two"):
        world.deploy(name=name)
    visit.open("/deployments")
    visit.search("Search deployments", world.name("two"))

    expect(visit.row(world.token)).to_have_count(1)
    expect(visit.row(world.name("two"))).to_be_visible()


def test_the_list_is_filtered_by_tags(visit: Visit, world: World) -> None:
    tag = world.name("tag")
    world.deploy(name="with", tags=[tag])
    world.deploy(name="without")
    visit.open("/deployments")
    visit.search("Search deployments", world.token)
    expect(visit.row(world.token)).to_have_count(2)
    visit.button("All tags").press("ArrowDown")
    visit.page.keyboard.type(tag)
    visit.page.keyboard.press("Enter")

    expect(visit.row(world.token)).to_have_count(1)
    expect(visit.row(world.name("with"))).to_be_visible()


def test_the_list_is_paged(visit: Visit, world: World) -> None:
    for number in range(12):
        world.deploy(name=f"d{number:02}")
    visit.open("/deployments")
    visit.search("Search deployments", world.token)
    visit.shows("12 Deployments", "Page 1 of 2")
    visit.page.get_by_text("Page 1 of 2").locator("xpath=following::button[1]").click()

    expect(visit.row(world.name("d11"))).to_be_visible()
    expect(visit.row(world.token)).to_have_count(2)


def test_the_list_is_sorted(visit: Visit, world: World) -> None:
    for name in ("one", "two"):
        world.deploy(name=name)
    visit.open("/deployments")
    visit.search("Search deployments", world.token)
    expect(visit.row(world.token).first).to_contain_text(world.name("one"))
    pick(visit, visit.button("A to Z"), "Z to A")

    expect(visit.row(world.token).first).to_contain_text(world.name("two"))


def test_a_deployment_is_deleted(visit: Visit, world: World, deployment: str, new_events: NewEvents) -> None:
    visit.open("/deployments")
    visit.search("Search deployments", world.token)
    choose(visit, "Delete", visit.row(world.token))
    visit.answer("Delete")

    expect(visit.row(world.token)).to_have_count(0)
    new_events.check("deployment.deleted nightly")
    assert world.client.get(f"/deployments/{deployment}").status_code == 404


def test_many_deployments_are_deleted_at_once(visit: Visit, world: World, new_events: NewEvents) -> None:
    for name in ("one", "two"):
        world.deploy(name=name)
    new_events.skip()
    visit.open("/deployments")
    visit.search("Search deployments", world.token)
    visit.shows("2 Deployments")
    for row in visit.row(world.token).all():
        row.get_by_role("checkbox").click()
    delete_ticked(visit, 2)

    expect(visit.row(world.token)).to_have_count(0)
    new_events.check("deployment.deleted one", "deployment.deleted two")
