"""With a key for reading, a change on the new page changes nothing, and a message says why."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, expect

from tests.page.new_events import NewEvents
from tests.page.signing_in import NOT_ALLOWED, forget_refusals_of_role, open_signed_in
from tests.page.visit import Visit
from tests.world import World

CRON = [{"slug": "a", "schedule": {"cron": "0 1 * * *", "timezone": "UTC"}, "active": True}]


@pytest.fixture
def paths(world: World, new_events: NewEvents) -> dict[str, str]:
    """The paths of what a test is to change."""
    pool = world.pool()
    world.post(f"/work_pools/{pool}/queues/", {"name": "second"}, 201)
    deployment = world.deploy(work_pool_name=pool, schedules=CRON)
    world.post("/v2/concurrency_limits/", {"name": world.name("db"), "limit": 3}, 201)
    world.post("/concurrency_limits/", {"tag": world.name("tag"), "concurrency_limit": 2}, 201)
    new_events.skip()
    return {
        "deployment": f"/deployments/deployment/{deployment}",
        "pool": f"/work-pools/work-pool/{pool}",
        "queue": f"/work-pools/work-pool/{pool}/queue/second",
        "flow": f"/flows/flow/{world.flow()}",
        "limits": "/concurrency-limits",
    }


def main(visit: Visit) -> Locator:
    """Return the page without its navigation."""
    return visit.page.get_by_role("main")


def aside(visit: Visit) -> Locator:
    """Return what stands beside a deployment: its schedules."""
    return visit.page.get_by_role("complementary")


def switch_schedule(visit: Visit, _: World) -> None:
    visit.page.get_by_role("switch", name="toggle At 01:00 AM").click()


def delete_schedule(visit: Visit, _: World) -> None:
    visit.choose("Delete", aside(visit))
    visit.button("Delete", visit.dialog()).click()


def add_schedule(visit: Visit, _: World) -> None:
    visit.button("Schedule", aside(visit)).click()
    visit.dialog().get_by_role("tab", name="Cron").click()
    visit.dialog().get_by_label("Value").fill("5 4 * * *")
    visit.button("Save", visit.dialog()).click()


def run(visit: Visit, _: World) -> None:
    visit.button("Run").click()
    visit.page.get_by_role("menuitem", name="Quick run").click()


def delete(visit: Visit, _: World) -> None:
    visit.choose("Delete", main(visit))
    visit.button("Delete", visit.dialog()).click()


def delete_pool(visit: Visit, world: World) -> None:
    visit.choose("Delete", main(visit))
    visit.dialog().get_by_role("textbox").fill(world.name("pool"))
    visit.button("Delete", visit.dialog()).click()


def delete_queue(visit: Visit, _: World) -> None:
    visit.choose("Delete", main(visit))
    visit.dialog().get_by_role("textbox").fill("second")
    visit.button("Delete", visit.dialog()).click()


def pause(visit: Visit, _: World) -> None:
    main(visit).get_by_role("switch").first.click()


def edit(visit: Visit, _: World) -> None:
    visit.choose("Edit", main(visit))
    visit.page.get_by_label(re.compile("^Description")).fill("Ours")
    visit.button("Save").click()


def edit_tags(visit: Visit, _: World) -> None:
    visit.choose("Edit", main(visit))
    visit.page.get_by_placeholder("Enter tags").fill("blue")
    visit.page.keyboard.press("Enter")
    visit.button("Save").click()


def switch_limit(visit: Visit, world: World) -> None:
    visit.row(world.name("db")).get_by_role("switch").click()


def delete_limit(visit: Visit, world: World) -> None:
    visit.choose("Delete", visit.row(world.name("db")))
    visit.button("Delete", visit.dialog()).click()


def edit_limit(visit: Visit, world: World) -> None:
    visit.choose("Edit", visit.row(world.name("db")))
    visit.page.get_by_role("spinbutton", name="Concurrency Limit").fill("4")
    visit.button("Update", visit.dialog()).click()


def delete_tag_limit(visit: Visit, world: World) -> None:
    visit.page.get_by_role("tab", name="Task Run").click()
    visit.choose("Delete", visit.row(world.name("tag")))
    visit.button("Delete", visit.dialog()).click()


OWN_TEXTS = "Failed to (pause|delete) (work pool|queue|work pool queue|flow)"
"""The page has its own texts for some refusals."""
ACTIONS: list[tuple[str, Callable[[Visit, World], None]]] = [
    ("deployment", switch_schedule),
    ("deployment", delete_schedule),
    ("deployment", add_schedule),
    ("deployment", run),
    ("deployment", edit_tags),
    ("deployment", delete),
    ("pool", pause),
    ("pool", edit),
    ("pool", delete_pool),
    ("queue", pause),
    ("queue", edit),
    ("queue", delete_queue),
    ("flow", delete),
    ("limits", switch_limit),
    ("limits", edit_limit),
    ("limits", delete_limit),
    ("limits", delete_tag_limit),
]


@pytest.mark.parametrize(("where", "act"), ACTIONS, ids=[f"{where}-{act.__name__}" for where, act in ACTIONS])
def test_a_refused_change_has_a_message(
    visit: Visit,
    world: World,
    paths: dict[str, str],
    new_events: NewEvents,
    credentials: dict[str, str],
    where: str,
    act: Callable[[Visit, World], None],
) -> None:
    open_signed_in(visit, paths[where], credentials["read key"])
    act(visit, world)

    message = re.compile(f"{NOT_ALLOWED.pattern}|^{OWN_TEXTS}$")
    expect(visit.page.get_by_text(message).first).to_be_visible()
    new_events.check()
    forget_refusals_of_role(visit)
