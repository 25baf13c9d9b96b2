"""`aftercommit outbox status`: what waits, for how long, and what is stuck."""

from dataclasses import asdict

from rich.console import Console
from rich.table import Table

from app.cli.data_dir import DEFAULT, DataDir
from app.cli.database import database_session
from app.cli.printing import AsJson, counts_table, print_json
from app.outbox.status import OutboxStatus, status

EXAMPLES = """
Examples:

[bold]aftercommit outbox status[/bold]

[bold]aftercommit outbox status --json | jq .pending[/bold]  for scripts and monitors

[bold]aftercommit outbox status --data-dir /srv/aftercommit[/bold]  of the `aftercommit up` with this data folder
"""


def show_status(data_dir: DataDir = DEFAULT, as_json: AsJson = False) -> None:
    """Show what waits in the outbox, for how long, and what is stuck."""
    with database_session(data_dir) as session:
        found = status(session)
    if as_json:
        print_json(asdict(found))
    else:
        Console().print(_status_table(found))


def _status_table(found: OutboxStatus) -> Table:
    oldest = found.oldest_pending_seconds
    rows = {
        "pending": (found.pending, "changes that wait for their events"),
        "oldest": ("-" if oldest is None else f"{oldest:.1f} s", "for this long the first of them has waited"),
        "retrying": (found.retrying, "pending ones that failed before and will be tried again"),
        "parked": (found.parked, "given up on until somebody decides"),
        "waiting": (found.waiting, "pending ones behind a parked one of the same resource"),
        "newer": (found.newer, "pending ones that wait for a newer worker"),
        "position": (found.position, "of the newest event in the log"),
        "rescued": (found.rescued, "events that only the sweep found"),
    }
    return counts_table({name: (str(value), meaning) for name, (value, meaning) in rows.items()})
