"""Prefect's unmodified client with keys of each role: `write` is enough to deploy and to run a worker."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tests.acceptance.stack import ROOT, Api, Stack, running_servers
from tests.prefect.conftest import terminal_of
from tests.prefect.terminal import Terminal, plain
from tests.waiting import wait_until

NEEDS_WRITE = "This request needs the role write; the credential has the role read."
NEEDS_ADMIN = "This request needs the role admin; the credential has the role write."


@pytest.fixture(scope="module")
def own_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Servers that only these tests use."""
    with running_servers(tmp_path_factory.mktemp("roles")) as stack:
        yield stack


@pytest.fixture(scope="module")
def guarded(own_stack: Stack) -> Api:
    """An API that accepts only keys."""
    return own_stack.start_api()


@pytest.fixture(scope="module")
def keys(own_stack: Stack, guarded: Api) -> dict[str, str]:
    """A key of each role; the API already accepts them."""
    run = [sys.executable, "-c", "from app.cli.main import main; main()", "keys", "create"]
    keys = {
        role: subprocess.run(
            [*run, role, "--role", role],
            env=own_stack.environment(),
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for role in ("read", "write", "admin")
    }
    for key in keys.values():
        headers = {"Authorization": f"Bearer {key}"}
        wait_until(lambda: httpx2.get(f"{guarded.url}/api/hello", headers=headers).status_code == 200, "it to open")  # noqa: B023
    return keys


@pytest.fixture
def terminal(request: pytest.FixtureRequest, guarded: Api, tmp_path: Path) -> Iterator[Terminal]:
    """A terminal without a credential."""
    terminal = terminal_of(request, guarded, tmp_path)
    yield terminal
    terminal.close()


def test_a_key_of_the_role_write_deploys_and_runs_a_worker(terminal: Terminal, keys: dict[str, str]) -> None:
    terminal.variables = {"PREFECT_API_AUTH_STRING": keys["write"]}
    file = terminal.folder / "prefect.yaml"
    file.write_text(file.read_text().replace('"{{ $POOL }}"', "pool"))

    terminal.prefect("work-pool", "create", "pool", "--type", "process")
    terminal.prefect("deploy", "--all")
    terminal.prefect("deploy", "--all")
    worker = terminal.start("worker", "start", "--pool", "pool", "--type", "process", "--name", "w1")
    worker.wait_for("Worker 'w1' started!")
    wait_until(lambda: "READY" in terminal.prefect("work-pool", "inspect", "pool").text, "the pool to be ready")
    assert worker.interrupt() == 0
    assert "403" not in worker.read_output()
    terminal.prefect("deployment", "delete", "report/weekly")
    output = terminal.prefect("work-pool", "delete", "pool", code=1)
    assert NEEDS_ADMIN in " ".join(plain(output.text + output.errors).split())

    terminal.variables = {"PREFECT_API_AUTH_STRING": keys["admin"]}
    terminal.prefect("work-pool", "delete", "pool")


def test_a_key_of_the_role_read_can_list_and_changes_are_refused_with_the_reason(
    terminal: Terminal, keys: dict[str, str]
) -> None:
    terminal.variables = {"PREFECT_API_AUTH_STRING": keys["read"]}

    for command in (
        ["work-pool", "ls"],
        ["deployment", "ls"],
        ["work-queue", "ls"],
        ["global-concurrency-limit", "ls"],
    ):
        terminal.prefect(*command)
    stream = terminal.start("event", "stream")
    stream.wait_for("Subscribing to event stream...")
    output = terminal.prefect("work-pool", "create", "mine", "--type", "process", code=1)

    assert NEEDS_WRITE in " ".join(plain(output.text + output.errors).split())
