"""What a person does with the list of deployments on the new page."""

from playwright.sync_api import expect

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
    visit.button("Filter by tags").click()
    visit.page.get_by_role("option", name=tag).click()

    expect(visit.row(world.name("with"))).to_be_visible()
    expect(visit.row(world.token)).to_have_count(1)


def test_the_list_is_paged(visit: Visit, world: World) -> None:
    for number in range(12):
        world.deploy(name=f"d{number:02}")
    visit.open("/deployments")
    visit.search("Search deployments", world.token)
    visit.shows("12 Deployments")
    expect(visit.row(world.token)).to_have_count(10)
    visit.button("Go to next page").click()

    expect(visit.row(world.name("d11"))).to_be_visible()
    expect(visit.row(world.token)).to_have_count(2)


def test_the_list_is_sorted(visit: Visit, world: World) -> None:
    for number in range(12):
        world.deploy(name=f"d{number:02}")
    visit.open("/deployments")
    visit.search("Search deployments", world.token)
    expect(visit.row(world.token).first).to_contain_text(world.name("d00"))

    visit.page.get_by_role("combobox", name="Deployment sort order").click()
    visit.page.get_by_role("option", name="Z to A").click()

    expect(visit.row(world.token).first).to_contain_text(world.name("d11"))
