"""Prints a stored text as one line."""

import typer
from rich.console import Console
from rich.text import Text

from app.cli.control_characters import escape_control_characters


def print_text(text: str, style: str = "") -> None:
    """Print a text without markup and control characters: with this style on a terminal, plain everywhere else."""
    console = Console()
    if console.is_terminal:
        console.print(Text(escape_control_characters(text), style=style))
    else:
        typer.echo(escape_control_characters(text))
