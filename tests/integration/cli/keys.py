"""Runs `aftercommit keys`."""

from typer.testing import CliRunner, Result

from app.cli.main import app
from app.errors import AppError


def run(*arguments: str) -> Result:
    """Run the command."""
    return CliRunner().invoke(app, ["keys", *arguments])


def run_successfully(*arguments: str) -> Result:
    """Run the command, which must succeed."""
    result = run(*arguments)
    assert result.exit_code == 0, result.output
    return result


def error_of(*arguments: str) -> AppError:
    """Return the `AppError` that the command raises; `main` prints it as one line."""
    result = run(*arguments)
    assert result.exit_code == 1
    assert isinstance(result.exception, AppError)
    assert result.stdout == ""
    return result.exception
