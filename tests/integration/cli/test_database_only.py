"""The commands need only a database: no broker, no masking key, no running `aftercommit up`."""

from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from typer.testing import CliRunner, Result

from app.cli.main import app
from app.postgres.listening import Listener

COMMANDS = (
    "outbox status",
    "outbox parked",
    "outbox replay --all",
    "events list",
    "events show 1",
    "history flow:etl",
    "history flow:etl --at now",
    "keys list",
    "keys create laptop",
    "migrate",
)


@pytest.fixture
def database_alone(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """Create a flow, then leave only the database configured."""
    assert client.post("/flows/", json={"name": "etl"}).status_code == 201
    for name in ("BROKER_URL", "MASKING_KEY"):
        monkeypatch.delenv(f"AFTERCOMMIT_{name}")


def run(*words: str) -> Result:
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    return result


@pytest.mark.usefixtures("database_alone")
@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_needs_only_the_database(command: str, tmp_path: Path) -> None:
    assert run(*command.split(), "--data-dir", str(tmp_path)).stdout


@pytest.mark.usefixtures("database_alone")
def test_the_audit_shows_its_progress_only_on_a_terminal() -> None:
    audit = run("outbox", "reconcile")
    assert "All is well." in audit.stdout
    assert audit.stderr == ""


@pytest.mark.usefixtures("database_alone")
def test_a_command_that_follows_the_log_checks_it_at_least_once_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    waits = 0

    def wait(_listener: Listener, seconds: float) -> Any:
        nonlocal waits
        waits += 1
        assert seconds <= 1
        if waits == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(Listener, "wait", wait)
    assert "prefect.flow.created" in run("events", "tail", "--all").stdout
