"""Finds the commands in a document."""

import re
from collections.abc import Iterator
from typing import Any

import typer

from app.cli.main import app


def commands_named(code: str) -> Iterator[list[str]]:
    """Yield the words after `aftercommit` for each command line in the text."""
    for found in re.finditer(r"(?:^|[\s/(])aftercommit((?: +[\w./:=@{}<>*-]+)+)", code):
        yield found[1].split()


def problem_with(words: list[str]) -> str | None:
    """Return the first unknown command or option in these words, or None."""
    command: Any = typer.main.get_command(app)
    rest = list(words)
    while rest and not rest[0].startswith("--") and (known := getattr(command, "commands", None)) is not None:
        word = rest.pop(0)
        if word not in known:
            return f"no command {word!r}"
        command = known[word]
    options = {option for parameter in command.params for option in parameter.opts} | {"--help"}
    unknown = [word for word in rest if word.startswith("--") and word.partition("=")[0] not in options]
    return f"no option {unknown[0]!r}" if unknown else None
