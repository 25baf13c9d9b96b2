"""Output that several commands share: JSON for scripts, and tables."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from app.cli.control_characters import escape_control_characters

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


def print_json(value: Any) -> None:
    """Print a value as indented JSON; ids and times become strings."""
    typer.echo(json.dumps(value, indent=2, default=_as_text))


def counts_table(rows: Mapping[str, tuple[str, str]]) -> Table:
    """Return a table with one row for each count: name, number and meaning."""
    table = Table(show_header=False)
    table.add_column(style="bold")
    table.add_column(justify="right")
    table.add_column()
    for name, (value, meaning) in rows.items():
        table.add_row(name, value, meaning)
    return table


def plain_text(value: object) -> Text:
    """Return a stored value as text without markup and control characters; None becomes a dash."""
    if value is None:
        return Text("-")
    return Text(escape_control_characters(_as_text(value)), overflow="fold")


def _as_text(value: object) -> str:
    return value.isoformat(timespec="seconds") if isinstance(value, datetime) else str(value)
