"""`aftercommit outbox reconcile`: proves that nothing was lost or made up."""

from dataclasses import asdict
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.status import Status
from rich.text import Text

from app.audit.reconcile import SHOWN_PER_PROBLEM, Audit, Finding, audit_sql, reconcile
from app.cli.data_dir import DEFAULT, DataDir
from app.cli.database import database_session
from app.cli.printing import AsJson, counts_table, print_json

FINDINGS_SHOWN: Final = 20
AUDIT_TIMEOUT_MS: Final = 60 * 60 * 1000
"""The audit reads the whole log, so it may take longer than a request."""

AsSql = Annotated[bool, typer.Option("--sql", help="Print the SQL of the audit for psql, without running it.")]

EXAMPLES = """
Examples:

[bold]aftercommit outbox reconcile[/bold]  at any time, also while the service works

[bold]aftercommit outbox reconcile --json > audit.json || mail-the-operator[/bold]  exit code 0 means all is well

[bold]AFTERCOMMIT_DATABASE_URL=postgresql+psycopg://... aftercommit outbox reconcile[/bold]  of any database

[bold]aftercommit outbox reconcile --sql | psql ...[/bold]  the same audit, to read, change or EXPLAIN
"""

MEANINGS: Final = {
    "lost": "changes without an event",
    "phantom": "events without a change",
    "duplicate": "changes with several events",
    "disordered": "out of order, or not linked",
}


def show_audit(data_dir: DataDir = DEFAULT, as_json: AsJson = False, as_sql: AsSql = False) -> None:
    """Prove that every committed change has exactly one event, in order, and that nothing else has one.

    The audit sees one consistent snapshot of the database. The exit code is 1 if anything is wrong.
    """
    if as_sql:
        typer.echo(f"\\set shown {SHOWN_PER_PROBLEM}\n\n{audit_sql()}", nl=False)
        return
    with database_session(data_dir, statement_timeout_ms=AUDIT_TIMEOUT_MS) as session, _progress():
        audit = reconcile(session)
    if as_json:
        print_json(asdict(audit))
    else:
        _print_audit(audit)
    if not audit.is_clean:
        raise typer.Exit(1)


def _progress() -> Status:
    """Show that the audit is running, on a terminal only: a large log takes minutes."""
    return Console(stderr=True).status("Comparing every change with the log ...")


def _print_audit(audit: Audit) -> None:
    console = Console()
    counts = {name: (str(getattr(audit, name)), meaning) for name, meaning in MEANINGS.items()}
    console.print(counts_table(counts))
    console.print(
        f"Checked {audit.resources} resources, {audit.events} events and {audit.pending} pending snapshots.",
        highlight=False,
    )
    shown = audit.findings[:FINDINGS_SHOWN]
    for finding in shown:
        console.print(_line(finding), soft_wrap=True)
    console.print(_verdict(audit, len(shown)))


def _line(finding: Finding) -> Text:
    """Return the finding as text. Rich does not interpret a resource id from the log as markup."""
    at = "" if finding.resource_id is None else f" {finding.resource_id}"
    revision = "" if finding.revision is None else f" revision {finding.revision}"
    return Text(f"{finding.problem.value}{at}{revision}: {finding.text}")


def _verdict(audit: Audit, shown: int) -> Text:
    if audit.is_clean:
        return Text("All is well.", style="green")
    total = sum(getattr(audit, name) for name in MEANINGS)
    rest = "" if len(audit.findings) == shown else f", {shown} findings are shown"
    return Text(f"{total} problem{'s' if total > 1 else ''}{rest}.", style="red")
