"""Prints differences: coloured and cut to the width on a terminal, complete and plain everywhere else."""

from collections.abc import Iterable
from typing import Final

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from app.cli.control_characters import escape_control_characters
from app.cli.diff_lines import Line

STYLES: Final = {"+": "green", "-": "red", "~": "yellow"}
LABEL_WIDTH: Final = 17


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
    """Print a name and a value; the values of consecutive calls are aligned, and so are the lines of a long one."""
    console = Console()
    shown = escape_control_characters(value)
    if console.is_terminal:
        table = Table.grid(padding=(0, 1))
        table.add_column(width=LABEL_WIDTH, no_wrap=True)
        table.add_column(overflow="fold")
        table.add_row(Text(name, style="bold"), Text(shown))
        console.print(table)
    else:
        typer.echo(f"{name:<{LABEL_WIDTH}} {shown}")
