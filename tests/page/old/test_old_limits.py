"""What a person does with concurrency limits of both sorts on the old page, down to the row and its event."""

from playwright.sync_api import expect

from tests.page.new_events import NewEvents
from tests.page.old.parts import choose
from tests.page.visit import Visit
from tests.world import World


def open_form(visit: Visit) -> None:
    """Open the form for a new limit of the sort whose tab is shown."""
    visit.page.get_by_role("tabpanel").get_by_role("button").first.click()


def test_a_global_limit_is_created_and_deleted(visit: Visit, world: World, new_events: NewEvents) -> None:
    name = world.name("db")
    visit.open("/concurrency-limits")
    open_form(visit)
    visit.dialog().get_by_role("textbox").fill(name)
    visit.dialog().get_by_role("spinbutton").first.fill("3")
    visit.answer("Create")
    expect(visit.row(name)).to_contain_text("3")
    new_events.check("concurrency-limit.created db")

    choose(visit, "Delete", visit.row(name))
    visit.answer("Delete")
    expect(visit.row(name)).to_have_count(0)
    new_events.check("concurrency-limit.deleted db")


def test_a_global_limit_is_edited_and_switched_off(visit: Visit, world: World, new_events: NewEvents) -> None:
    name = world.name("db")
    world.post("/v2/concurrency_limits/", {"name": name, "limit": 3}, 201)
    new_events.skip()
    visit.open("/concurrency-limits")
    choose(visit, "Edit", visit.row(name))
    visit.dialog().get_by_role("spinbutton").first.fill("4")
    visit.answer("Update")
    expect(visit.row(name)).to_contain_text("4")
    new_events.check("concurrency-limit.updated db")

    visit.row(name).get_by_role("switch").click()
    new_events.check("concurrency-limit.updated db")
    stored = world.client.get(f"/v2/concurrency_limits/{name}").json()
    assert (stored["limit"], stored["active"]) == (4, False)


def test_a_tag_limit_is_created_reset_and_deleted(visit: Visit, world: World, new_events: NewEvents) -> None:
    tag = world.name("big")
    visit.open("/concurrency-limits?tab=Task+Run")
    open_form(visit)
    visit.dialog().get_by_role("textbox").fill(tag)
    visit.dialog().get_by_role("spinbutton").fill("2")
    visit.answer("Add")
    expect(visit.row(tag)).to_contain_text("2")
    new_events.check("concurrency-limit.created tag:big")

    choose(visit, "Reset", visit.row(tag))
    visit.answer("Reset")
    choose(visit, "Delete", visit.row(tag))
    visit.answer("Delete")
    expect(visit.row(tag)).to_have_count(0)
    new_events.check("concurrency-limit.deleted tag:big")
