"""With a key for reading, a change on the old page changes nothing, and a message says why."""

import pytest
from playwright.sync_api import expect

from tests.page.new_events import NewEvents
from tests.page.old.parts import choose, head
from tests.page.signing_in import NOT_ALLOWED, forget_refusals_of_role, open_signed_in
from tests.page.visit import Ui, Visit
from tests.world import World

CRON = [{"slug": "a", "schedule": {"cron": "0 1 * * *", "timezone": "UTC"}, "active": True}]


@pytest.fixture
def ui() -> Ui:
    """The old page."""
    return "v1"


@pytest.fixture
def deployment(visit: Visit, world: World, new_events: NewEvents, credentials: dict[str, str]) -> str:
    """A deployment, with its page open."""
    deployment = world.deploy(schedules=CRON)
    new_events.skip()
    open_signed_in(visit, f"/deployments/deployment/{deployment}", credentials["read key"])
    return deployment


def test_a_schedule_stays_switched_on(visit: Visit, deployment: str, new_events: NewEvents) -> None:
    visit.page.get_by_role("switch").first.click()

    check_refused(visit, new_events)
    expect(visit.page.get_by_role("switch").first).to_have_attribute("aria-checked", "true")


def test_a_deployment_is_not_deleted(visit: Visit, deployment: str, new_events: NewEvents) -> None:
    choose(visit, "Delete", head(visit))
    visit.button("Delete", visit.dialog()).click()

    check_refused(visit, new_events)


def test_a_run_is_refused(visit: Visit, deployment: str, new_events: NewEvents) -> None:
    visit.button("Run", head(visit)).click()
    visit.button("Quick run").click()

    check_refused(visit, new_events)


def check_refused(visit: Visit, new_events: NewEvents) -> None:
    """Check that the page says why nothing has changed."""
    expect(visit.page.get_by_text(NOT_ALLOWED).first).to_be_visible()
    new_events.check()
    forget_refusals_of_role(visit)
