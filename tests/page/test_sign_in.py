"""Both pages ask for a credential as with Prefect's server, and then show and do what its role allows."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from app.models.api_key import Role
from tests.acceptance.stack import Api, Stack, running_servers
from tests.integration.web.guarded import new_key
from tests.page.new_events import NewEvents
from tests.page.signing_in import WRONG, forget_refusals_before_signing_in, open_signed_in, sign_in
from tests.page.test_every_page import pages
from tests.page.visit import Ui, Visit
from tests.world import World

AUTH_STRING = "user:hunter2"
CRON = [{"slug": "a", "schedule": {"cron": "0 1 * * *", "timezone": "UTC"}, "active": True}]
NOT_ALLOWED = "This request needs the role write; the credential has the role read."


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Servers of their own: once a database has a key, each API on it asks for a credential."""
    with running_servers(tmp_path_factory.mktemp("guarded")) as stack:
        stack.start_worker()
        stack.start_beat()
        yield stack


@pytest.fixture(scope="module")
def credentials(stack: Stack) -> dict[str, str]:
    """What a person enters, by what it is."""
    return {
        "auth string": AUTH_STRING,
        "key": new_key(stack.sessions, "writer"),
        "read key": new_key(stack.sessions, "reader", Role.READ),
    }


@pytest.fixture(scope="module")
def api(stack: Stack, page_folder: Path, credentials: dict[str, str]) -> Api:  # It makes the keys.
    """An API process that asks for a credential."""
    return stack.start_api(page_dir=str(page_folder), api_auth_string=AUTH_STRING)


@pytest.fixture
def world(stack: Stack, api: Api) -> Iterator[World]:
    """Direct access to the registry, signed in."""
    user, _, password = AUTH_STRING.partition(":")
    with api.client() as client:
        client.auth = (user, password)
        yield stack.world(client)


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


def test_a_key_for_reading_changes_nothing(
    visit: Visit, world: World, new_events: NewEvents, credentials: dict[str, str]
) -> None:
    deployment = world.deploy(schedules=CRON)
    new_events.skip()
    open_signed_in(visit, f"/deployments/deployment/{deployment}", credentials["read key"])
    with visit.page.expect_response(lambda response: response.request.method == "PATCH") as refused:
        visit.page.get_by_role("switch").first.click()

    assert (refused.value.status, refused.value.json()) == (403, {"detail": NOT_ALLOWED})
    expect(visit.page.get_by_role("switch").first).to_have_attribute("aria-checked", "true")
    new_events.check()
    forget_refusals_of_role(visit)


def test_a_key_for_reading_is_told_that_its_role_is_not_enough(
    visit: Visit, world: World, credentials: dict[str, str]
) -> None:
    deployment = world.deploy(schedules=CRON)
    open_signed_in(visit, f"/deployments/deployment/{deployment}", credentials["read key"])
    visit.button("Run").click()
    visit.page.get_by_text("Quick run", exact=True).first.click()

    visit.shows(NOT_ALLOWED)
    forget_refusals_of_role(visit)


def forget_refusals_of_role(visit: Visit) -> None:
    """Forget the 403 of this test, and its text on the console."""
    refusals = [problem for problem in visit.problems if problem.startswith("403 ") or NOT_ALLOWED in problem]
    assert refusals
    visit.problems[:] = [problem for problem in visit.problems if problem not in refusals]
