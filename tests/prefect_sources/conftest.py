"""A real Prefect server on a PostgreSQL, its own client, and our service, to which its database is attached."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.local.embedded import start_postgres
from app.sources.attaching import Request, attach
from app.sources.profile_file import read_profile_text
from tests.acceptance.stack import Stack, running_servers
from tests.old_postgres import old_server
from tests.prefect.terminal import Terminal
from tests.prefect.warm import WarmPrefect, warm_prefect
from tests.prefect_server import PrefectServer, start_prefect
from tests.prefect_sources.watched import NAME, Watched
from tests.world import assert_audit_is_clean

PROJECT = Path(__file__).parent.parent / "prefect" / "project"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the environment of the server, and the PostgreSQL that it uses. `make test-sources` passes them."""
    parser.addoption("--prefect", type=Path, required=True, help="a virtual environment that has Prefect")
    parser.addoption("--postgres", type=Path, help="the folder of a PostgreSQL 18 with pg_trgm; by default Debian's")


@pytest.fixture(scope="session")
def environment(request: pytest.FixtureRequest) -> Path:
    """The virtual environment that has Prefect."""
    environment: Path = request.config.getoption("--prefect").resolve()
    return environment


@pytest.fixture(scope="session")
def foreign_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of the database of the Prefect server."""
    install: Path | None = request.config.getoption("--postgres")
    if install is None:
        with old_server() as server:
            yield server.url
        return
    server = start_postgres(tmp_path_factory.mktemp("foreign"), durable=False, install=install.resolve())
    yield server.url
    server.stop()


@pytest.fixture(scope="session")
def server(environment: Path, foreign_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrefectServer]:
    """The Prefect server."""
    server = start_prefect(environment, foreign_url, tmp_path_factory.mktemp("server"))
    yield server
    server.role.kill()


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Our servers, without workers: the tests move the changes themselves."""
    with running_servers(tmp_path_factory.mktemp("stack")) as stack:
        yield stack


@pytest.fixture(scope="session")
def attached(stack: Stack, server: PrefectServer, foreign_url: str) -> Watched:
    """The attached database; what exists in it is in the log."""
    attach(stack.sessions, Request(NAME, foreign_url, read_profile_text("prefect")), stack.settings)
    watched = Watched(stack.sessions, stack.settings, foreign_url, server.url)
    watched.follow()
    return watched


@pytest.fixture
def source(attached: Watched) -> Iterator[Watched]:
    """The attached database. Afterwards the log and the tables agree, and the audit is clean."""
    attached.news()
    yield attached
    attached.assert_agrees()
    assert_audit_is_clean(attached.sessions)


@pytest.fixture(scope="session")
def warm(environment: Path, server: PrefectServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WarmPrefect]:
    """Prefect's command line, loaded once for the tests of this process."""
    terminal = _terminal(environment, server, tmp_path_factory.mktemp("warm"))
    with warm_prefect(terminal.venv, terminal.environment) as warm:
        yield warm


@pytest.fixture
def terminal(environment: Path, server: PrefectServer, warm: WarmPrefect, tmp_path: Path) -> Iterator[Terminal]:
    """A terminal in a project's folder, whose client talks to the Prefect server."""
    terminal = _terminal(environment, server, tmp_path)
    terminal.warm = warm
    yield terminal
    terminal.close()


def _terminal(environment: Path, server: PrefectServer, folder: Path) -> Terminal:
    shutil.copytree(PROJECT, folder / "project")
    return Terminal(environment, server.url, folder / "project", folder / "home")
