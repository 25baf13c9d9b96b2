"""Every process and command refuses a server that it cannot work with, in one clear line."""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest
import typer

from app.cli.main import app
from app.local import programs
from app.local.embedded.process import free_port
from app.local.ports import Address
from app.postgres.session_check import UNEXPECTED_POOLER
from tests.acceptance.stack import ROOT
from tests.acceptance.up_process import command, environment
from tests.old_postgres import running_old_postgres
from tests.pgbouncer import running_pgbouncer
from tests.system_packages import pgbouncer_program

pytestmark = pytest.mark.slow
SNAPSHOT: Final = "01a20914-5d54-7537-a2c1-c1878b12b7c9"
COMMANDS: Final = {
    "migrate": [],
    "up": ["--no-flower"],
    "history": ["etl/nightly"],
    "events list": [],
    "events show": ["1"],
    "events tail": [],
    "keys create": ["laptop"],
    "keys list": [],
    "keys revoke": ["laptop"],
    "outbox status": [],
    "outbox reconcile": [],
    "outbox parked": [],
    "outbox show": [SNAPSHOT],
    "outbox replay": ["--all"],
    "outbox skip": [SNAPSHOT, "--reason", "a test"],
}
"""All commands that use the database, with arguments."""
WITHOUT_DATABASE: Final = {"broker purge"}
PROCESSES: Final[dict[str, Callable[[Address], list[str]]]] = {
    "api": programs.api,
    "flower": programs.flower,
    "worker": lambda _: programs.worker(1),
}
"""The processes that use the database: beat does not."""


@pytest.fixture(scope="module")
def old_server() -> Iterator[tuple[str, str]]:
    """The URL of a server that is too old, and the line with which it is refused."""
    with running_old_postgres() as (url, version):
        yield url, f"aftercommit needs PostgreSQL 18 or newer; the server has {version}."


@pytest.fixture(scope="module")
def pooled_server(postgres_url: str) -> Iterator[tuple[str, str]]:
    """The URL of a server behind a pooler that is not configured, and the line with which it is refused."""
    pgbouncer_program()
    with running_pgbouncer(postgres_url) as url:
        yield url, UNEXPECTED_POOLER


@pytest.fixture(params=["old_server", "pooled_server"])
def unsuitable(request: pytest.FixtureRequest) -> tuple[str, str]:
    """The URL of an unsuitable server, and the line with which it is refused."""
    server: tuple[str, str] = request.getfixturevalue(request.param)
    return server


@pytest.fixture
def variables(unsuitable: tuple[str, str], tmp_path: Path) -> dict[str, str]:
    """The environment of a process that is to use this server."""
    return {
        "AFTERCOMMIT_DATABASE_URL": unsuitable[0],
        "AFTERCOMMIT_BROKER_URL": "redis://127.0.0.1:1/0",
        "AFTERCOMMIT_MASKING_KEY": "a key for tests, of 32 characters",
        "AFTERCOMMIT_DATA_DIR": str(tmp_path / "data"),
    }


def names_of(group: typer.Typer, prefix: str = "") -> Iterator[str]:
    """Yield the names of all commands of a group and its groups."""
    for one in group.registered_commands:
        assert one.callback is not None
        yield prefix + (one.name or one.callback.__name__)
    for inner in group.registered_groups:
        assert inner.typer_instance is not None
        yield from names_of(inner.typer_instance, f"{prefix}{inner.name} ")


def test_every_command_is_tested() -> None:
    assert set(names_of(app)) == COMMANDS.keys() | WITHOUT_DATABASE


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_refuses_an_unsuitable_server(
    name: str, unsuitable: tuple[str, str], variables: dict[str, str]
) -> None:
    ports = ["--port", str(free_port())] if name == "up" else []
    result = command(*name.split(), *COMMANDS[name], *ports, **variables)
    assert result.returncode == 1
    assert result.stderr.startswith(f"error: {unsuitable[1]}")
    assert len(result.stderr.splitlines()) == 1, result.stderr


@pytest.mark.parametrize("name", PROCESSES)
def test_every_process_refuses_an_unsuitable_server(
    name: str, unsuitable: tuple[str, str], variables: dict[str, str]
) -> None:
    process = PROCESSES[name](Address("a process", "127.0.0.1", free_port(), "--port"))
    result = subprocess.run(
        process, capture_output=True, text=True, env=environment(variables), check=False, timeout=60, cwd=ROOT
    )
    assert result.returncode == 1
    lines = [line for line in (result.stdout + result.stderr).splitlines() if line.startswith("error: ")]
    assert len(lines) == 1, result.stderr
    assert lines[0].startswith(f"error: {unsuitable[1]}")
