"""Prints differences: coloured and cut to the width on a terminal, complete and plain everywhere else."""

from collections.abc import Iterable
from typing import Final

import typer
from rich.console import Console
from rich.text import Text

from app.cli.control_characters import escape_control_characters
from app.cli.diff_lines import Line

STYLES: Final = {"+": "green", "-": "red", "~": "yellow"}


def print_lines(lines: Iterable[Line], depth: int = 0) -> None:
    """Print the lines of a difference, indented by `depth` levels."""
    console = Console()
    width = console.width if console.is_terminal else None
    for line in lines:
        indented = Line(line.depth + depth, line.sign, line.label, line.values)
        if width is None:
            typer.echo(indented.text())
        else:
            console.print(
                Text(indented.text(width), style=STYLES.get(line.sign, "")), no_wrap=True, overflow="ellipsis"
            )


def print_labelled_value(name: str, value: str) -> None:
    """Print a name and a value; the values of consecutive calls are aligned."""
    console = Console()
    text = Text(f"{name:<17} ", style="bold").append(escape_control_characters(value), style="not bold")
    if console.is_terminal:
        console.print(text)
    else:
        typer.echo(text.plain)
