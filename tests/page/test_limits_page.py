"""What a person does with concurrency limits of both sorts on the new page, down to the row and its event."""

from playwright.sync_api import expect

from tests.page.new_events import NewEvents
from tests.page.visit import Visit
from tests.world import World


def test_a_global_limit_is_created(visit: Visit, world: World, new_events: NewEvents) -> None:
    visit.open("/concurrency-limits")
    visit.button("add global concurrency limit").click()
    visit.field("Name").fill(world.name("db"))
    visit.page.get_by_role("spinbutton", name="Concurrency Limit").fill("3")
    visit.answer("Save")

    expect(visit.row(world.name("db"))).to_contain_text("3")
    new_events.check("concurrency-limit.created db")
    assert world.client.get(f"/v2/concurrency_limits/{world.name('db')}").json()["limit"] == 3


def test_a_global_limit_is_edited_switched_off_and_deleted(visit: Visit, world: World, new_events: NewEvents) -> None:
    name = world.name("db")
    world.post("/v2/concurrency_limits/", {"name": name, "limit": 3}, 201)
    new_events.skip()
    visit.open("/concurrency-limits")
    expect(visit.row(name)).to_be_visible()
    visit.choose("Edit", visit.row(name))
    visit.page.get_by_role("spinbutton", name="Concurrency Limit").fill("4")
    visit.answer("Update")
    expect(visit.row(name)).to_contain_text("4")
    new_events.check("concurrency-limit.updated db")

    visit.row(name).get_by_role("switch").click()
    expect(visit.row(name).get_by_role("switch")).not_to_be_checked()
    new_events.check("concurrency-limit.updated db")

    visit.choose("Delete", visit.row(name))
    visit.answer("Delete")
    expect(visit.row(name)).to_have_count(0)
    new_events.check("concurrency-limit.deleted db")


def test_a_tag_limit_is_created_and_deleted(visit: Visit, world: World, new_events: NewEvents) -> None:
    tag = world.name("big")
    visit.open("/concurrency-limits")
    visit.page.get_by_role("tab", name="Task Run").click()
    visit.button("add task run concurrency limit").click()
    visit.dialog().get_by_role("textbox").fill(tag)
    visit.dialog().get_by_role("spinbutton").fill("2")
    visit.answer("Add")
    expect(visit.row(tag)).to_contain_text("2")
    new_events.check("concurrency-limit.created tag:big")

    visit.choose("Delete", visit.row(tag))
    visit.answer("Delete")
    expect(visit.row(tag)).to_have_count(0)
    new_events.check("concurrency-limit.deleted tag:big")
