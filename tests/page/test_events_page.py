"""The event feed of the new page, its filters, and a single event with its diff."""

from playwright.sync_api import Locator, expect

from tests.page.visit import Visit
from tests.world import World


def feed(visit: Visit, world: World) -> Locator:
    """Return the entries of the feed that are about resources of this test."""
    return visit.page.get_by_role("main").get_by_role("listitem").filter(has_text=world.token)


def test_it_is_filtered_by_resource(visit: Visit, world: World) -> None:
    for name in ("one", "two"):
        world.deploy(name=name)
    world.drain_outbox()
    visit.open("/events")
    visit.button("Filter by resource").click()
    visit.page.get_by_role("option", name=world.name("one")).click()
    visit.page.keyboard.press("Escape")

    expect(feed(visit, world)).to_have_count(1)
    expect(feed(visit, world)).to_contain_text(world.name("one"))


def test_it_is_filtered_by_event(visit: Visit, world: World) -> None:
    deployment = world.deploy(name="one")
    world.patch(f"/deployments/{deployment}", {"version": "2"})
    world.drain_outbox()
    visit.open("/events")
    visit.button("Filter by event type").click()
    visit.page.get_by_role("option", name="prefect.deployment.updated", exact=True).click()
    visit.page.keyboard.press("Escape")

    expect(feed(visit, world).filter(has_text="prefect.deployment.created")).to_have_count(0)
    expect(feed(visit, world).filter(has_text="prefect.deployment.updated")).to_have_count(1)


def test_it_is_filtered_by_time(visit: Visit, world: World) -> None:
    world.deploy(name="one")
    world.drain_outbox()
    visit.open("/events")
    visit.button("Past day").click()
    visit.button("Past hour").click()
    expect(feed(visit, world)).not_to_have_count(0)

    visit.button("Previous range").click()

    expect(feed(visit, world)).to_have_count(0)


def test_a_single_event_shows_its_diff(visit: Visit, world: World) -> None:
    deployment = world.deploy(name="one", version="1")
    world.patch(f"/deployments/{deployment}", {"version": "2"})
    event = world.life(deployment)[-1]
    visit.open(f"/events/event/{event['occurred'][:10]}/{event['id']}")
    visit.shows("Deployment Updated", world.name("one"), world.name("etl"))
    visit.page.get_by_role("tab", name="Raw").click()

    raw = visit.page.get_by_role("tabpanel")
    for text in ('"updated_fields"', '"from": "1"', '"to": "2"'):
        expect(raw).to_contain_text(text)
