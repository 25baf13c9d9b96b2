"""Both pages ask for a credential as with Prefect's server, and then show and do what its role allows."""

import pytest

from tests.integration.web.guarded import AUTH_STRING
from tests.page.new_events import NewEvents
from tests.page.signing_in import WRONG, forget_refusals_before_signing_in, open_signed_in, sign_in
from tests.page.test_every_page import pages
from tests.page.visit import Ui, Visit
from tests.world import World

CRON = [{"slug": "a", "schedule": {"cron": "0 1 * * *", "timezone": "UTC"}, "active": True}]


@pytest.fixture(params=["v2", "v1"])
def ui(request: pytest.FixtureRequest) -> Ui:
    """Both pages, one after the other."""
    ui: Ui = request.param
    return ui


def test_a_wrong_credential_gets_a_message_and_a_right_one_the_page(visit: Visit, world: World, ui: Ui) -> None:
    world.deploy()
    visit.open("/deployments")
    sign_in(visit, "user:wrong")
    visit.shows(WRONG[ui])

    sign_in(visit, AUTH_STRING)

    visit.search("Search deployments", world.token)
    visit.shows(world.name("nightly"))
    forget_refusals_before_signing_in(visit)


@pytest.mark.parametrize("kind", ["auth string", "key"])
def test_the_pages_work_after_signing_in(
    visit: Visit, world: World, new_events: NewEvents, credentials: dict[str, str], kind: str
) -> None:
    deployment = world.deploy(schedules=CRON)
    new_events.skip()
    open_signed_in(visit, f"/deployments/deployment/{deployment}", credentials[kind])
    visit.page.get_by_role("switch").first.click()
    new_events.check("deployment.updated nightly")

    visit.open("/deployments")
    visit.search("Search deployments", world.token)
    visit.shows(world.name("nightly"))
    visit.open("/events")
    visit.shows(world.name("nightly"))


def test_a_key_for_reading_sees_every_page(visit: Visit, world: World, credentials: dict[str, str]) -> None:
    deployment = world.deploy(work_pool_name=world.pool(), schedules=CRON)
    open_signed_in(visit, "/deployments", credentials["read key"])
    for path, text in pages(world, deployment).items():
        visit.open(path)
        visit.shows(text)
        visit.settle()
        assert not visit.problems, path
