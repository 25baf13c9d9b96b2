"""Prints differences: with colours and cut to the width on a terminal, whole and plain everywhere else."""

from collections.abc import Iterable
from typing import Final

import typer
from rich.console import Console
from rich.text import Text

from app.cli.diff_lines import Line
from app.cli.visible import visible

STYLES: Final = {"+": "green", "-": "red", "~": "yellow"}


def print_lines(lines: Iterable[Line], depth: int = 0) -> None:
    """Print the lines of a difference, `depth` levels to the right."""
    console = Console()
    width = console.width if console.is_terminal else None
    for line in lines:
        moved = Line(line.depth + depth, line.sign, line.label, line.values)
        if width is None:
            typer.echo(moved.text())
        else:
            console.print(Text(moved.text(width), style=STYLES.get(line.sign, "")), no_wrap=True, overflow="ellipsis")


def print_fact(name: str, value: str) -> None:
    """Print a name and a value, aligned with other such lines."""
    console = Console()
    text = Text(f"{name:<17} ", style="bold").append(visible(value), style="not bold")
    if console.is_terminal:
        console.print(text)
    else:
        typer.echo(text.plain)
