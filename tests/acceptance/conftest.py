"""The fixtures of the acceptance tests: each module gets real processes with their own database and broker."""

from collections.abc import Generator, Iterator
from typing import Final

import pytest

from tests.acceptance.stack import Api, Stack, running_servers
from tests.world import World

SHOWN_CHARACTERS: Final = 3000
"""Characters of each log that a failure report shows."""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Function) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add the end of each process log to a failure report: it shows why a process did nothing."""
    report = yield
    stack = item.funcargs.get("stack")
    if report.failed and isinstance(stack, Stack):
        report.sections += [(f"the log of {role.name}", role.read_log()[-SHOWN_CHARACTERS:]) for role in stack.roles]
    return report


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """PostgreSQL and Valkey, without any product process."""
    with running_servers(tmp_path_factory.mktemp("stack")) as stack:
        yield stack


@pytest.fixture(scope="module")
def api(stack: Stack) -> Api:
    """An API process."""
    return stack.start_api()


@pytest.fixture
def world(stack: Stack, api: Api) -> Iterator[World]:
    """A world of real processes; the test module chooses which ones."""
    with api.client() as client:
        yield stack.world(client)
