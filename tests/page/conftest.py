"""A real browser that shows Prefect's two web pages, served by the whole service as real processes."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from app.page import default_folder
from tests.acceptance.stack import Api, Stack, running_servers
from tests.page.new_events import NewEvents
from tests.page.visit import Scheme, Ui, Visit, visiting
from tests.world import World

WAYS: list[tuple[Ui, Scheme]] = [("v2", "light"), ("v2", "dark"), ("v1", "light"), ("v1", "dark")]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add where `make test-page` has unpacked Prefect's pages, and where it has installed Prefect's command line."""
    parser.addoption("--page-dir", type=Path, default=default_folder(), help="the unpacked package of Prefect")
    parser.addoption("--prefect", type=Path, required=True, help="a virtual environment that has Prefect")
    parser.addoption("--pictures", type=Path, help="the folder into which the pictures of the README are written")


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Servers, a worker and beat for all tests of this process; each test uses its own names."""
    with running_servers(tmp_path_factory.mktemp("stack")) as stack:
        stack.start_worker()
        stack.start_beat()
        yield stack


@pytest.fixture(scope="session")
def page_folder(request: pytest.FixtureRequest) -> Path:
    """The folder that has the pages."""
    folder: Path = request.config.getoption("--page-dir").resolve()
    return folder


@pytest.fixture(scope="session")
def api(stack: Stack, page_folder: Path) -> Api:
    """An API process that serves the pages."""
    return stack.start_api(page_dir=str(page_folder))


@pytest.fixture
def world(stack: Stack, api: Api) -> Iterator[World]:
    """Direct access to the registry, to prepare data and to check results."""
    with api.client() as client:
        yield stack.world(client)


@pytest.fixture
def new_events(world: World) -> NewEvents:
    """The events since the test asked last."""
    return NewEvents(world)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """The browser of the operating system."""
    program = shutil.which("chromium")
    assert program is not None, "Chromium is not installed: apt install chromium"
    with sync_playwright() as playwright:
        # Chromium has no sandbox for root. The tests open no page but ours.
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def ui() -> Ui:
    """Which of Prefect's pages a test uses: the new one, unless its module says otherwise."""
    return "v2"


@pytest.fixture
def scheme() -> Scheme:
    """The colours that the browser prefers."""
    return "light"


@pytest.fixture
def visit(browser: Browser, api: Api, ui: Ui, scheme: Scheme) -> Iterator[Visit]:
    """A tab with one of the pages. At the end, nothing may have gone wrong in it."""
    with visiting(browser, api.url, ui, scheme) as visit:
        yield visit
        assert not visit.problems, "\n".join(visit.problems)
