"""`aftercommit outbox status`: prints how many changes wait, how many are stuck, and what is wrong with the broker."""

from dataclasses import asdict

from rich.console import Console
from rich.table import Table

from app.broker.probe import problem_with_broker
from app.cli.data_dir import DEFAULT, DataDir, settings_in
from app.cli.database import database_session
from app.cli.printing import AsJson, counts_table, print_json
from app.outbox.status import OutboxStatus, status

EXAMPLES = """
Examples:

[bold]aftercommit outbox status[/bold]

[bold]aftercommit outbox status --json | jq .pending[/bold]  for scripts and monitors

[bold]aftercommit outbox status --data-dir /srv/aftercommit[/bold]  for the `aftercommit up` with this data folder
"""


def show_status(data_dir: DataDir = DEFAULT, as_json: AsJson = False) -> None:
    """Show how many changes wait in the outbox, for how long, how many are stuck, and what is wrong with the broker."""
    with database_session(data_dir) as session:
        outbox_status = status(session)
    broker_url = settings_in(data_dir).broker_url
    problem = problem_with_broker(broker_url) if broker_url else None
    if as_json:
        print_json({**asdict(outbox_status), "broker_problem": problem})
        return
    Console().print(_status_table(outbox_status))
    if problem is not None:
        Console().print(f"The broker {problem}.", soft_wrap=True)


def _status_table(outbox_status: OutboxStatus) -> Table:
    oldest = outbox_status.oldest_pending_seconds
    rows = {
        "pending": (outbox_status.pending, "changes that wait for their events"),
        "oldest": ("-" if oldest is None else f"{oldest:.1f} s", "age of the oldest pending change"),
        "retrying": (outbox_status.retrying, "pending changes that failed before and will be retried"),
        "parked": (outbox_status.parked, "changes that failed too often and wait for an operator"),
        "waiting": (outbox_status.waiting, "pending changes behind a parked one of the same resource"),
        "newer": (outbox_status.newer, "pending changes that need a newer worker"),
        "position": (outbox_status.position, "position of the newest event in the log"),
        "rescued": (outbox_status.rescued, "events that only the sweep found"),
    }
    return counts_table({name: (str(value), meaning) for name, (value, meaning) in rows.items()})
