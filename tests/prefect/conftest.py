"""A real, unmodified Prefect client in a separate environment, against the whole service as real processes."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.acceptance.stack import Api, Stack, running_servers
from tests.prefect.terminal import COMMAND_SECONDS, Terminal
from tests.prefect.warm import WarmPrefect, warm_prefect
from tests.world import World

PROJECT = Path(__file__).parent / "project"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--prefect`: the virtual environment, which `make test-prefect` creates and passes."""
    parser.addoption("--prefect", type=Path, required=True, help="a virtual environment that has Prefect")


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Servers, a worker and beat for all tests of this process; each test uses its own names."""
    with running_servers(tmp_path_factory.mktemp("stack")) as stack:
        stack.start_worker()
        stack.start_beat()
        yield stack


@pytest.fixture(scope="session")
def api(stack: Stack) -> Api:
    """An API process."""
    return stack.start_api()


@pytest.fixture
def world(stack: Stack, api: Api) -> Iterator[World]:
    """Direct access to the registry, to prepare data and to check results."""
    with api.client() as client:
        yield replace(stack.world(client), patience=COMMAND_SECONDS)


@pytest.fixture(scope="session")
def venv(request: pytest.FixtureRequest) -> Path:
    """The virtual environment that has Prefect."""
    venv: Path = request.config.getoption("--prefect").resolve()
    return venv


@pytest.fixture(scope="session")
def package(venv: Path) -> Path:
    """The directory of the installed `prefect` package."""
    (package,) = venv.glob("lib/python*/site-packages/prefect")
    return package


@pytest.fixture(scope="session")
def version(package: Path) -> str:
    """Prefect's version."""
    (metadata,) = package.parent.glob("prefect-*.dist-info")
    return metadata.name.removeprefix("prefect-").removesuffix(".dist-info")


@pytest.fixture(scope="session")
def warm(request: pytest.FixtureRequest, api: Api, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WarmPrefect]:
    """Prefect's command line, loaded once for the tests of this process."""
    terminal = terminal_of(request, api, tmp_path_factory.mktemp("warm"))
    with warm_prefect(terminal.venv, terminal.environment) as warm:
        yield warm


@pytest.fixture
def terminal(request: pytest.FixtureRequest, api: Api, warm: WarmPrefect, tmp_path: Path) -> Iterator[Terminal]:
    """A terminal in a project's folder, with only `PREFECT_API_URL` set."""
    terminal = terminal_of(request, api, tmp_path)
    terminal.warm = warm
    yield terminal
    terminal.close()


def terminal_of(request: pytest.FixtureRequest, api: Api, tmp_path: Path) -> Terminal:
    """Return a terminal whose `PREFECT_API_URL` points to `api`."""
    folder = tmp_path / "project"
    shutil.copytree(PROJECT, folder)
    return Terminal(request.config.getoption("--prefect").resolve(), f"{api.url}/api", folder, tmp_path / "home")
