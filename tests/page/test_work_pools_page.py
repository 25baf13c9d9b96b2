"""What a person does with work pools and queues on the new page, down to the row and its event."""

import re

import pytest
from playwright.sync_api import expect

from tests.page.new_events import NewEvents
from tests.page.visit import Visit
from tests.world import World

TYPES = {
    "AWS Elastic Container Service": "ecs",
    "Azure Container Instances": "azure-container-instance",
    "Docker": "docker",
    "Google Cloud Run": "cloud-run",
    "Google Cloud Run V2": "cloud-run-v2",
    "Google Vertex AI": "vertex-ai",
    "Kubernetes": "kubernetes",
    "Process": "process",
}


@pytest.fixture
def pool(world: World, new_events: NewEvents) -> str:
    """A work pool."""
    pool = world.pool()
    new_events.skip()
    return pool


@pytest.mark.parametrize(("title", "pool_type"), TYPES.items(), ids=TYPES.values())
def test_a_pool_of_each_type_is_created(
    visit: Visit, world: World, new_events: NewEvents, title: str, pool_type: str
) -> None:
    visit.open("/work-pools/create")
    visit.page.get_by_role("radio", name=re.compile(rf"^{title} {title} ")).click()
    visit.button("Next").click()
    visit.field("Name").fill(world.name("made"))
    visit.button("Next").click()
    visit.button("Create Work Pool").click()

    visit.page.wait_for_url(re.compile(f"/work-pools/work-pool/{world.name('made')}"))
    new_events.check("work-pool.created made", "work-queue.created default")
    assert world.client.get(f"/work_pools/{world.name('made')}").json()["type"] == pool_type


def test_a_pool_is_edited(visit: Visit, world: World, pool: str, new_events: NewEvents) -> None:
    visit.open(f"/work-pools/work-pool/{pool}/edit")
    visit.field("Description (Optional)").fill("Ours")
    visit.page.get_by_role("spinbutton", name="Flow Run Concurrency (Optional)").fill("5")
    visit.button("Save").click()

    visit.page.wait_for_url(re.compile(f"/work-pools/work-pool/{pool}(\\?|$)"))
    new_events.check("work-pool.updated pool")
    stored = world.client.get(f"/work_pools/{pool}").json()
    assert (stored["description"], stored["concurrency_limit"]) == ("Ours", 5)


def test_a_pool_is_paused(visit: Visit, world: World, pool: str, new_events: NewEvents) -> None:
    visit.open(f"/work-pools/work-pool/{pool}")
    switch = visit.page.get_by_role("main").get_by_role("switch").first
    switch.click()

    expect(switch).not_to_be_checked()
    new_events.check("work-pool.paused pool")
    assert world.client.get(f"/work_pools/{pool}").json()["is_paused"] is True


def test_a_pool_is_deleted(visit: Visit, world: World, pool: str, new_events: NewEvents) -> None:
    visit.open(f"/work-pools/work-pool/{pool}")
    visit.choose("Delete", visit.page.get_by_role("main"))
    visit.dialog().get_by_role("textbox").fill(pool)
    visit.answer("Delete")

    visit.page.wait_for_url(re.compile(r"/work-pools(\?|$)"))
    new_events.check("work-pool.deleted pool", "work-queue.deleted default")


def test_a_queue_is_created(visit: Visit, world: World, pool: str, new_events: NewEvents) -> None:
    visit.open(f"/work-pools/work-pool/{pool}/queue/create")
    visit.field("Name").fill("fast")
    visit.page.get_by_role("spinbutton", name="Priority").fill("2")
    visit.button("Create").click()

    visit.page.wait_for_url(re.compile(f"/work-pools/work-pool/{pool}"))
    new_events.check("work-queue.created fast")
    queue = world.client.get(f"/work_pools/{pool}/queues/fast").json()
    assert queue["priority"] == 2


def test_a_queue_is_paused(visit: Visit, world: World, pool: str, new_events: NewEvents) -> None:
    visit.open(f"/work-pools/work-pool/{pool}/queue/default")
    switch = visit.page.get_by_role("main").get_by_role("switch").first
    switch.click()

    expect(switch).not_to_be_checked()
    new_events.check("work-queue.paused default")
    assert world.client.get(f"/work_pools/{pool}/queues/default").json()["is_paused"] is True


def test_a_queue_gets_another_priority(visit: Visit, world: World, pool: str, new_events: NewEvents) -> None:
    world.post(f"/work_pools/{pool}/queues/", {"name": "second"}, 201)
    new_events.skip()
    visit.open(f"/work-pools/work-pool/{pool}/queue/second/edit")
    visit.page.get_by_role("spinbutton", name="Priority").fill("1")
    visit.button("Save").click()

    visit.page.wait_for_url(re.compile(f"/work-pools/work-pool/{pool}/queue/second(\\?|$)"))
    new_events.check("work-queue.updated default", "work-queue.updated second")
    assert world.client.get(f"/work_pools/{pool}/queues/second").json()["priority"] == 1


def test_a_queue_is_deleted(visit: Visit, world: World, pool: str, new_events: NewEvents) -> None:
    world.post(f"/work_pools/{pool}/queues/", {"name": "second"}, 201)
    new_events.skip()
    visit.open(f"/work-pools/work-pool/{pool}/queue/second")
    visit.choose("Delete", visit.page.get_by_role("main"))
    visit.dialog().get_by_role("textbox").fill("second")
    visit.answer("Delete")

    # The page asks for the deleted queue several times. It did not lead to the pool within 20 seconds.
    new_events.check("work-queue.deleted second")
    visit.open(f"/work-pools/work-pool/{pool}?tab=Work+Queues")
    expect(visit.row("default")).to_be_visible()
    expect(visit.row("second")).to_have_count(0)


def test_a_worker_is_listed(visit: Visit, world: World, pool: str) -> None:
    world.client.post(f"/work_pools/{pool}/workers/heartbeat", json={"name": world.name("w")}).raise_for_status()
    visit.open(f"/work-pools/work-pool/{pool}?tab=Workers")
    visit.page.get_by_role("tab", name="Workers").click()

    expect(visit.row(world.name("w"))).to_contain_text("Online")
