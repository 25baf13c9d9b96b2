"""`aftercommit attach ls` and `status`: the sources, and what waits in their databases."""

from dataclasses import asdict
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.table import Table
from sqlalchemy.orm import Session

from app.cli.data_dir import DEFAULT, DataDir, settings_in
from app.cli.database import database_session
from app.cli.printing import AsJson, plain_text, print_json
from app.errors import AppError
from app.models import Source
from app.settings import Settings
from app.sources.known import find_source, list_sources
from app.sources.status import read_waiting, summarize

LS_EXAMPLES: Final = """
Examples:

[bold]aftercommit attach ls[/bold]

[bold]aftercommit attach ls --json | jq -r '.[] | select(.error) | .name'[/bold]  for scripts
"""
STATUS_EXAMPLES: Final = """
Examples:

[bold]aftercommit attach status prod[/bold]

[bold]aftercommit attach status prod --json | jq .waiting.oldest_seconds[/bold]  for monitors

Exit codes: 0 all is well; 1 the source fails, or has parked changes, or there is none with this name.
"""

COLUMNS: Final = ("name", "state", "profile", "resources", "moved", "held", "parked", "error")

SourceName = Annotated[str, typer.Argument(metavar="NAME", help="The name of the source, as `attach ls` shows it.")]


def print_sources(data_dir: DataDir = DEFAULT, as_json: AsJson = False) -> None:
    """List the sources: state, profile, existing resources, time of the last batch, held changes, and what is wrong."""
    with database_session(data_dir) as session:
        rows = [asdict(summarize(session, source)) for source in list_sources(session)]
    if as_json:
        print_json(rows)
        return
    if not rows:
        Console().print("No source is attached.")
        return
    table = Table(*COLUMNS, box=None, pad_edge=False)
    for row in rows:
        table.add_row(*(plain_text(row[name]) for name in COLUMNS))
    Console().print(table)


def print_status(name: SourceName, data_dir: DataDir = DEFAULT, as_json: AsJson = False) -> None:
    """Show one source, and what waits in its database."""
    settings = settings_in(data_dir)
    with database_session(data_dir) as session:
        row = _status(session, find_source(session, name), settings)
    if as_json:
        print_json(row)
    else:
        table = Table(show_header=False)
        table.add_column(style="bold")
        table.add_column()
        for key, value in _flat(row).items():
            table.add_row(key, plain_text(value))
        Console().print(table)
    if row["error"] is not None or row["parked"]:
        raise typer.Exit(1)


def _status(session: Session, source: Source, settings: Settings) -> dict[str, Any]:
    row: dict[str, Any] = {**asdict(summarize(session, source)), "waiting": None}
    if source.detached is None:
        try:
            row["waiting"] = asdict(read_waiting(source, settings.masking_key))
        except AppError as error:
            # Shown instead of what waits: this is when an operator looks.
            row["error"] = str(error)
    return row


def _flat(row: dict[str, Any]) -> dict[str, Any]:
    return {**{key: value for key, value in row.items() if key != "waiting"}, **(row["waiting"] or {})}
