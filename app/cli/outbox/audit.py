"""`aftercommit outbox reconcile`: proves that nothing was lost or made up."""

from dataclasses import asdict
from typing import Final

import typer
from rich.console import Console
from rich.status import Status
from rich.text import Text

from app.audit.reconcile import Audit, Finding, reconcile
from app.cli.data_dir import DEFAULT, DataDir
from app.cli.database import database_session
from app.cli.printing import AsJson, counts_table, print_json

FINDINGS_SHOWN: Final = 20
AUDIT_TIMEOUT_MS: Final = 60 * 60 * 1000
"""The audit reads the whole log: it may take longer than a request."""

EXAMPLES = """
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


def show_audit(data_dir: DataDir = DEFAULT, as_json: AsJson = False) -> None:
    """Prove that every committed change has exactly one event, in order, and that nothing else has one.

    The whole database is compared in one consistent look. The exit code is 1 when anything is wrong.
    """
    with database_session(data_dir, statement_timeout_ms=AUDIT_TIMEOUT_MS) as session, _patience():
        found = reconcile(session)
    if as_json:
        print_json(asdict(found))
    else:
        _print_audit(found)
    if not found.is_clean:
        raise typer.Exit(1)


def _patience() -> Status:
    """Show on a terminal, and nowhere else, that it is at work: a large log takes minutes."""
    return Console(stderr=True).status("Comparing every change with the log ...")


def _print_audit(found: Audit) -> None:
    console = Console()
    counts = {name: (str(getattr(found, name)), meaning) for name, meaning in MEANINGS.items()}
    console.print(counts_table(counts))
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
