"""What the commands print alike: JSON for scripts, and tables of one row for each thing."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from app.cli.visible import visible

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


def print_json(value: Any) -> None:
    """Print a value as JSON; ids and times become text."""
    typer.echo(json.dumps(value, indent=2, default=_as_text))


def counts_table(rows: Mapping[str, tuple[str, str]]) -> Table:
    """Return a table of counts: name, number and meaning."""
    table = Table(show_header=False)
    table.add_column(style="bold")
    table.add_column(justify="right")
    table.add_column()
    for name, (value, meaning) in rows.items():
        table.add_row(name, value, meaning)
    return table


def plain(value: object) -> Text:
    """Return what is stored as text that is neither markup nor steers the terminal; nothing is a dash."""
    if value is None:
        return Text("-")
    return Text(visible(_as_text(value)), overflow="fold")


def _as_text(value: object) -> str:
    return value.isoformat(timespec="seconds") if isinstance(value, datetime) else str(value)
