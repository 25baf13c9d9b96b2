"""`aftercommit attach ls` and `status`: the sources, and what waits in their databases."""

from dataclasses import asdict
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.table import Table

from app.cli.data_dir import DEFAULT, DataDir, settings_in
from app.cli.database import database_session
from app.cli.printing import AsJson, plain_text, print_json
from app.sources.known import find_source, list_sources
from app.sources.status import SourceStatus, read_status, summarize

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
    """Show one source, what waits in its database, and when it was verified."""
    settings = settings_in(data_dir)
    with database_session(data_dir) as session:
        status = read_status(session, find_source(session, name), settings.masking_key)
    row = _as_row(status)
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


def _as_row(status: SourceStatus) -> dict[str, Any]:
    """Return the status as one object. What cannot be read now is the error: this is when an operator looks."""
    verification = None if status.verification is None else asdict(status.verification)
    if verification is not None:
        del verification["differences"]
    return {
        **asdict(status.summary),
        "error": status.problem or status.summary.error,
        "waiting": None if status.waiting is None else asdict(status.waiting),
        "verification": verification,
    }


def _flat(row: dict[str, Any]) -> dict[str, Any]:
    waiting: dict[str, Any] = row["waiting"] or {}
    verified: dict[str, Any] = row["verification"] or {}
    flat = {key: value for key, value in row.items() if key not in ("waiting", "verification")}
    flat |= {key: value for key, value in waiting.items() if key != "open_transactions"}
    for number, one in enumerate(waiting.get("open_transactions", ()), start=1):
        flat[f"open transaction {number}"] = _describe(one)
    if verified:
        done = verified["finished"] or "not finished"
        flat["verified"] = f"{plain_text(done)}: {verified['compared']} compared, {verified['found']} differed"
    return flat


def _describe(transaction: dict[str, Any]) -> str:
    seconds = transaction["seconds"]
    age = "an unknown time" if seconds is None else f"{seconds:.1f} s"
    who = ", ".join(transaction[part] for part in ("role", "application", "state") if transaction[part])
    return f"process {transaction['pid']} ({who}) holds back its changes for {age}"
