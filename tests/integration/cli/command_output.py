"""Runs a command in this process, on a small set of deployments."""

import json
from typing import Any

from fastapi.testclient import TestClient
from typer.testing import CliRunner, Result

from app.cli.main import app
from tests.integration.registry import make_deployment, make_flow


def run(*arguments: str, columns: int = 100) -> Result:
    """Run `aftercommit` with these arguments; its output goes to a pipe unless FORCE_COLOR is set."""
    return CliRunner().invoke(app, list(arguments), env={"COLUMNS": str(columns)})


def json_output(*arguments: str, exit_code: int = 0) -> list[Any]:
    """Return a command's `--json` output, one object per line."""
    result = run(*arguments, "--json")
    assert result.exit_code == exit_code, (result.output, result.exception)
    return [json.loads(line) for line in result.stdout.splitlines()]


def history_lines(*arguments: str, exit_code: int = 0) -> list[str]:
    """Return what `aftercommit history` prints."""
    result = run("history", *arguments)
    assert result.exit_code == exit_code, (result.output, result.exception)
    return result.stdout.splitlines()


def operations(events: list[Any]) -> list[str]:
    """Return resource name and operation of each event."""
    return [f"{event['resource']['prefect.resource.name']} {event['event'].rpartition('.')[2]}" for event in events]


def create_twice(client: TestClient, flow: str = "etl", name: str = "nightly") -> list[str]:
    """Create, change and delete a deployment and its flow, then create and change them again; return both ids."""
    ids = []
    for version in ("1", "2"):
        made = make_flow(client, flow)
        deployment = make_deployment(client, made, name, version=version)
        ids.append(deployment["id"])
        changed = client.patch(f"/deployments/{deployment['id']}", json={"description": f"life {version}"})
        assert changed.status_code == 204
        if version == "1":
            assert client.delete(f"/flows/{made['id']}").status_code == 204
    return ids
