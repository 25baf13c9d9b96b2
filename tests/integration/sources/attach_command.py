"""Runs `aftercommit attach`."""

import json
from typing import Any

from typer.testing import CliRunner, Result

from app.cli.main import app
from app.errors import AppError


def run(*arguments: str, stdin: str | None = None) -> Result:
    """Run the command."""
    return CliRunner().invoke(app, ["attach", *arguments], input=stdin, env={"COLUMNS": "120"})


def run_successfully(*arguments: str, stdin: str | None = None) -> Result:
    """Run the command, which must succeed."""
    result = run(*arguments, stdin=stdin)
    assert result.exit_code == 0, result.output + repr(result.exception)
    return result


def run_json(*arguments: str) -> Any:
    """Run the command with `--json`, successfully, and return its output."""
    return json.loads(run_successfully(*arguments, "--json").stdout)


def error_of(*arguments: str) -> AppError:
    """Return the `AppError` that the command raises; `main` prints it as one line."""
    result = run(*arguments)
    assert result.exit_code == 1, result.output
    assert isinstance(result.exception, AppError), repr(result.exception)
    assert result.stdout == ""
    return result.exception
