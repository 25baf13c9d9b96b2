"""`aftercommit outbox`: looks into the outbox, and proves that nothing was lost or made up."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Final

import psycopg
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.orm import Session

from app.cli.data_dir import DEFAULT, DataDir, settings_in
from app.crud.audit import Audit, Finding, reconcile
from app.crud.outbox_status import OutboxStatus, status
from app.database import describe, make_engine, make_sessions
from app.errors import ConfigurationError, Unavailable

FINDINGS_SHOWN: Final = 20
AUDIT_TIMEOUT_MS: Final = 60 * 60 * 1000
"""The audit reads the whole log: it may take longer than a request."""

STATUS_EXAMPLES = """
Examples:

[bold]aftercommit outbox status[/bold]

[bold]aftercommit outbox status --json | jq .pending[/bold]  for scripts and monitors

[bold]aftercommit outbox status --data-dir /srv/aftercommit[/bold]  of the `aftercommit up` with this data folder
"""

RECONCILE_EXAMPLES = """
Examples:

[bold]aftercommit outbox reconcile[/bold]  at any time, also while the service works

[bold]aftercommit outbox reconcile --json > audit.json || mail-the-operator[/bold]  exit code 0 means all is well

[bold]AFTERCOMMIT_DATABASE_URL=postgresql+psycopg://... aftercommit outbox reconcile[/bold]  of any database
"""

MEANINGS: Final = {
    "lost": "changes without an event",
    "phantom": "events without a change",
    "duplicate": "events told twice",
    "disordered": "out of order, or not linked",
}

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]

app = typer.Typer(
    help="Look into the outbox, where committed changes wait for their events.",
    no_args_is_help=True,
    rich_markup_mode="rich",
)


@app.command("status", epilog=STATUS_EXAMPLES)
def show_status(data_dir: DataDir = DEFAULT, as_json: AsJson = False) -> None:
    """Show what waits in the outbox, for how long, and what is stuck."""
    with _session(data_dir) as session:
        found = status(session)
    if as_json:
        _print_json(asdict(found))
    else:
        Console().print(_status_table(found))


@app.command("reconcile", epilog=RECONCILE_EXAMPLES)
def audit(data_dir: DataDir = DEFAULT, as_json: AsJson = False) -> None:
    """Prove that every committed change has exactly one event, in order, and that nothing else has one.

    The whole database is compared in one consistent look. The exit code is 1 when anything is wrong.
    """
    with _session(data_dir, statement_timeout_ms=AUDIT_TIMEOUT_MS) as session:
        found = reconcile(session)
    if as_json:
        _print_json(asdict(found))
    else:
        _print_audit(found)
    if not found.is_clean:
        raise typer.Exit(1)


@contextmanager
def _session(data_dir: Path, statement_timeout_ms: int | None = None) -> Iterator[Session]:
    """Give a session on the database of that folder or of the environment.

    Raises:
        ConfigurationError: the settings do not say which database, or not in a form that is understood.
        Unavailable: the database does not answer, or refuses.
    """
    settings = settings_in(data_dir)
    if statement_timeout_ms is not None:
        settings = settings.model_copy(update={"database_statement_timeout_ms": statement_timeout_ms})
    try:
        engine = make_engine(settings, application_name="aftercommit-outbox", pool_size=1)
    except ArgumentError as error:
        raise ConfigurationError(
            "AFTERCOMMIT_DATABASE_URL is not a database URL like postgresql+psycopg://user:password@host/name."
        ) from error
    try:
        with make_sessions(engine)() as session:
            yield session
    except DBAPIError as error:
        raise Unavailable(_explain(error)) from error
    finally:
        engine.dispose()


def _explain(error: DBAPIError) -> str:
    """Tell what went wrong: in the client's words where there is no connection, else what the database refused."""
    if isinstance(error.orig, psycopg.OperationalError) and error.orig.sqlstate is None:
        return f"The database does not answer: {str(error.orig).splitlines()[0]}"
    if isinstance(error.orig, psycopg.errors.UndefinedTable):
        return "The database has no schema yet: run `aftercommit migrate` first."
    return f"The database refused: {describe(error)}"


def _print_json(value: dict[str, Any]) -> None:
    typer.echo(json.dumps(value, indent=2))


def _status_table(found: OutboxStatus) -> Table:
    oldest = found.oldest_pending_seconds
    rows = {
        "pending": (found.pending, "changes that wait for their events"),
        "oldest": ("-" if oldest is None else f"{oldest:.1f} s", "for this long the first of them has waited"),
        "retrying": (found.retrying, "pending ones that failed before and will be tried again"),
        "parked": (found.parked, "given up on until somebody decides"),
        "waiting": (found.waiting, "pending ones behind a parked one of the same resource"),
        "position": (found.position, "of the newest event in the log"),
        "rescued": (found.rescued, "events that only the sweep found"),
    }
    return _table({name: (str(value), meaning) for name, (value, meaning) in rows.items()})


def _print_audit(found: Audit) -> None:
    console = Console()
    counts = {name: (str(getattr(found, name)), meaning) for name, meaning in MEANINGS.items()}
    console.print(_table(counts))
    console.print(
        f"Checked {found.resources} resources, {found.events} events and {found.pending} pending snapshots.",
        highlight=False,
    )
    shown = found.findings[:FINDINGS_SHOWN]
    for finding in shown:
        console.print(_line(finding), soft_wrap=True)
    console.print(_verdict(found, len(shown)))


def _line(finding: Finding) -> Text:
    """Write a finding as text, in which a resource id from the log is never read as markup."""
    at = "" if finding.resource_id is None else f" {finding.resource_id}"
    revision = "" if finding.revision is None else f" revision {finding.revision}"
    return Text(f"{finding.problem.value}{at}{revision}: {finding.text}")


def _verdict(found: Audit, shown: int) -> Text:
    if found.is_clean:
        return Text("All is well.", style="green")
    total = sum(getattr(found, name) for name in MEANINGS)
    rest = "" if len(found.findings) == shown else f", {shown} findings are shown"
    return Text(f"{total} problem{'s' if total > 1 else ''}{rest}.", style="red")


def _table(rows: dict[str, tuple[str, str]]) -> Table:
    table = Table(show_header=False)
    table.add_column(style="bold")
    table.add_column(justify="right")
    table.add_column()
    for name, (value, meaning) in rows.items():
        table.add_row(name, value, meaning)
    return table
