"""A real worker of Prefect's, which both pages list while it runs."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.acceptance.stack import Api
from tests.page.visit import Ui, Visit
from tests.prefect.terminal import Terminal
from tests.world import World


@pytest.fixture(params=["v2", "v1"])
def ui(request: pytest.FixtureRequest) -> Ui:
    """Both pages, one after the other."""
    ui: Ui = request.param
    return ui


@pytest.fixture
def terminal(request: pytest.FixtureRequest, api: Api, tmp_path: Path) -> Iterator[Terminal]:
    """A terminal with Prefect's command line."""
    terminal = Terminal(request.config.getoption("--prefect").resolve(), f"{api.url}/api", tmp_path, tmp_path / "home")
    yield terminal
    terminal.close()


def test_a_running_worker_is_listed_and_its_pool_is_ready(visit: Visit, world: World, terminal: Terminal) -> None:
    pool, name = world.pool(), world.name("w")
    worker = terminal.start("worker", "start", "--pool", pool, "--type", "process", "--name", name)
    worker.wait_for(f"Worker '{name}' started!")

    visit.open(f"/work-pools/work-pool/{pool}?tab=Workers")

    expect(visit.row(name)).to_contain_text("Online")
    visit.shows("Ready")
    assert worker.interrupt() == 0
