"""`aftercommit outbox replay` and `skip`: what becomes of a parked snapshot."""

from typing import Annotated
from uuid import UUID

import typer
from rich.console import Console
from rich.text import Text

from app.capture.resource_kind import ResourceKind
from app.cli.data_dir import DEFAULT, DataDir
from app.cli.database import database_session
from app.cli.outbox.parked import SnapshotId, parse_snapshot
from app.cli.printing import AsJson, plain, print_json
from app.models import SnapshotRow
from app.outbox.parked import replay, skip

REPLAY_EXAMPLES = """
Examples:

[bold]aftercommit outbox replay 01a20914-5d54-7537-a2c1-c1878b12b7c9[/bold]

[bold]aftercommit outbox replay --all --dry-run[/bold]  which ones it would be

[bold]aftercommit outbox replay --all[/bold]  after the bug is gone
"""
SKIP_EXAMPLES = """
Examples:

[bold]aftercommit outbox skip 01a20914-5d54-7537-a2c1-c1878b12b7c9 --reason "its row is broken, see incident 7"[/bold]
"""
SOON = "The next sweep rings for it: within AFTERCOMMIT_SWEEP_INTERVAL (5 s), while beat and a worker run."


def replay_parked(
    snapshot_id: Annotated[
        UUID | None,
        typer.Argument(
            parser=parse_snapshot, metavar="[ID]", help="The id of a parked snapshot, as `outbox parked` shows it."
        ),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Replay everything that is parked.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be replayed, and do nothing.")] = False,
    data_dir: DataDir = DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Give a parked snapshot, or all of them, back to the workers, as if it had never failed.

    Do it when the reason is gone. What stands behind it follows in order.
    """
    if (snapshot_id is None) != everything:
        raise typer.BadParameter("Give the ID of a parked snapshot or --all, one of them.")
    with database_session(data_dir) as session:
        rows = [_row(snapshot) for snapshot in replay(session, snapshot_id)]
        if dry_run:
            session.rollback()
        else:
            session.commit()
    if as_json:
        print_json({"replayed": [] if dry_run else rows, "would_replay": rows if dry_run else []})
        return
    for row in rows:
        _say("Would replay " if dry_run else "Replayed ", row)
    if not rows:
        typer.echo("Nothing is parked.")
    elif not dry_run:
        typer.echo(SOON)


def skip_parked(
    snapshot_id: SnapshotId,
    reason: Annotated[str, typer.Option("--reason", help="Why; it stands in the event that takes its place.")],
    data_dir: DataDir = DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Give up on a parked snapshot for good, and let what stands behind it go on.

    What it changed will be in no event. In its place the log gets an event that says so, with the reason: the history
    stays without a gap, and the audit clean.
    """
    reason = reason.strip()
    if not reason:
        raise typer.BadParameter("Give a reason: it is all that the log will tell of this change.")
    with database_session(data_dir) as session:
        row = {**_row(skip(session, snapshot_id, reason)), "reason": reason}
        session.commit()
    if as_json:
        print_json({"skipped": row})
        return
    _say("Skipped ", row)
    typer.echo(SOON)


def _row(snapshot: SnapshotRow) -> dict[str, object]:
    kind = ResourceKind(snapshot.kind)
    return {
        "id": snapshot.id,
        "resource": kind.resource_id(snapshot.resource_id),
        "name": snapshot.name,
        "revision": snapshot.revision,
        "event": kind.event_name(snapshot.operation),
    }


def _say(what: str, row: dict[str, object]) -> None:
    text = f"{row['id']}: {row['event']} of {row['name']} ({row['resource']}), revision {row['revision']}."
    Console(soft_wrap=True).print(Text(what) + plain(text))
