"""The event feed of the old page, its filters, and a single event with its diff."""

from playwright.sync_api import Locator, expect

from tests.page.old.parts import pick
from tests.page.visit import Visit
from tests.world import World


def feed(visit: Visit, world: World) -> Locator:
    """Return the entries of the feed that are about resources of this test."""
    return visit.page.get_by_role("listitem").filter(has_text="Resource").filter(has_text=world.token)


def test_it_is_filtered_by_resource(visit: Visit, world: World) -> None:
    for name in ("one", "two"):
        world.deploy(name=name)
    world.drain_outbox()
    visit.open("/events")
    expect(feed(visit, world)).to_have_count(3)
    pick(visit, visit.button("Resource"), world.name("one"))

    expect(feed(visit, world)).to_have_count(1)
    expect(feed(visit, world)).to_contain_text(world.name("one"))


def test_it_is_filtered_by_event(visit: Visit, world: World) -> None:
    deployment = world.deploy(name="one")
    world.patch(f"/deployments/{deployment}", {"version": "2"})
    world.drain_outbox()
    visit.open("/events")
    expect(feed(visit, world)).to_have_count(3)
    pick(visit, visit.button("Events"), "prefect.deployment.updated")

    expect(feed(visit, world)).to_have_count(1)
    expect(feed(visit, world)).to_contain_text("prefect.deployment.updated")


def test_it_is_filtered_by_time(visit: Visit, world: World) -> None:
    world.deploy(name="one")
    world.drain_outbox()
    visit.open("/events")
    visit.button("Past day").click()
    visit.page.get_by_role("option", name="Past hour").click()
    expect(feed(visit, world)).not_to_have_count(0)

    visit.button("Past hour").locator("xpath=preceding::button[1]").click()

    expect(feed(visit, world)).to_have_count(0)


def test_a_single_event_shows_its_diff(visit: Visit, world: World) -> None:
    deployment = world.deploy(name="one", version="1")
    world.patch(f"/deployments/{deployment}", {"version": "2"})
    event = world.life(deployment)[-1]
    visit.open(f"/events/event/{event['occurred'][:10]}/{event['id']}")
    visit.page.get_by_role("listitem").filter(has_text="Raw").click()

    raw = visit.page.get_by_role("tabpanel")
    for text in ('"updated_fields"', '"from": "1"', '"to": "2"'):
        expect(raw).to_contain_text(text)


def test_the_feed_shows_events_of_what_was_deleted(visit: Visit, world: World) -> None:
    limit = world.post("/v2/concurrency_limits/", {"name": world.name("db"), "limit": 3}, 201)["id"]
    pool, deployment, flow = world.pool(), world.deploy(), world.flow()
    for path in (f"v2/concurrency_limits/{limit}", f"work_pools/{pool}", f"deployments/{deployment}", f"flows/{flow}"):
        world.delete(f"/{path}")
    world.drain_outbox()
    visit.open("/events")

    visit.shows("Concurrency limit deleted", "Work pool deleted", "Deployment deleted", "Flow deleted")
    visit.settle()
