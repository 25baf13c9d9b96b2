"""The help of every command has examples, and the program prints its version."""

import tomllib
from collections.abc import Iterator
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from app.cli.main import app
from tests.contract.documents import ROOT


def commands(known: Any, *before: str) -> Iterator[tuple[str, Any]]:
    """Yield each command without subcommands, with the words that call it."""
    if not hasattr(known, "commands"):
        yield " ".join(before), known
        return
    for word, command in known.commands.items():
        yield from commands(command, *before, word)


COMMANDS = dict(commands(typer.main.get_command(app)))


@pytest.mark.parametrize("words", COMMANDS)
def test_the_help_of_each_command_shows_examples_of_it(words: str) -> None:
    assert f"aftercommit {words}" in (COMMANDS[words].epilog or "").partition("Examples:")[2]


def test_all_groups_of_commands_are_found() -> None:
    assert {"up", "migrate", "events tail", "outbox skip"} <= COMMANDS.keys()


def test_the_command_prints_its_version() -> None:
    result = CliRunner().invoke(app, ["--version"])
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert (result.exit_code, result.stdout) == (0, f"{declared}\n")
