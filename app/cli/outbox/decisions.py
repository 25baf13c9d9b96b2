"""`aftercommit outbox replay` and `skip`: return a parked snapshot to the workers, or give it up."""

from typing import Annotated
from uuid import UUID

import typer
from rich.console import Console
from rich.text import Text

from app.capture.kind_classes import ResourceKind
from app.cli.data_dir import DEFAULT, DataDir, settings_in
from app.cli.database import database_session
from app.cli.operator import Reason, give_reason
from app.cli.outbox.parked import SnapshotId, describe_snapshot, parse_snapshot
from app.cli.printing import AsJson, plain_text, print_json
from app.log.acts import Act, record_acts
from app.models import SnapshotRow
from app.outbox.parked import replay, skip
from app.schemas.event import RESOURCE_ID, RESOURCE_NAME, RESOURCE_ROLE

REPLAY_EXAMPLES = """
Examples:

[bold]aftercommit outbox replay 01a20914-5d54-7537-a2c1-c1878b12b7c9[/bold]

[bold]aftercommit outbox replay --all --dry-run[/bold]  shows which snapshots would be replayed

[bold]aftercommit outbox replay --all[/bold]  after the bug is fixed
"""
SKIP_EXAMPLES = """
Examples:

[bold]aftercommit outbox skip 01a20914-5d54-7537-a2c1-c1878b12b7c9 --reason "its row is broken, see incident 7"[/bold]
"""
NEXT_SWEEP_NOTICE = (
    "The next sweep rings for it: within AFTERCOMMIT_SWEEP_INTERVAL (5 s), if beat and a worker are running."
)


def replay_parked(
    snapshot_id: Annotated[
        UUID | None,
        typer.Argument(
            parser=parse_snapshot, metavar="[ID]", help="The id of a parked snapshot, as `outbox parked` shows it."
        ),
    ] = None,
    replay_all: Annotated[bool, typer.Option("--all", help="Replay all parked snapshots.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would be replayed.")] = False,
    _reason: Reason = None,
    data_dir: DataDir = DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Return a parked snapshot, or all of them, to the workers, as if it had never failed.

    Do this when the cause of the failure is fixed. The later changes of the same resource follow in order.
    """
    if (snapshot_id is None) != replay_all:
        raise typer.BadParameter("Give either the ID of a parked snapshot or --all.")
    with database_session(data_dir) as session:
        snapshots = replay(session, snapshot_id)
        rows = [describe_snapshot(snapshot) for snapshot in snapshots]
        if dry_run:
            session.rollback()
        else:
            record_acts(session, settings_in(data_dir), [_act("replayed", snapshot) for snapshot in snapshots])
            session.commit()
    if as_json:
        print_json({"replayed": [] if dry_run else rows, "would_replay": rows if dry_run else []})
        return
    for row in rows:
        _print_row("Would replay " if dry_run else "Replayed ", row)
    if not rows:
        typer.echo("Nothing is parked.")
    elif not dry_run:
        typer.echo(NEXT_SWEEP_NOTICE)


def skip_parked(
    snapshot_id: SnapshotId,
    reason: Annotated[
        str,
        typer.Option("--reason", callback=give_reason, help="The reason, which the log stores in place of the change."),
    ],
    data_dir: DataDir = DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Give up on a parked snapshot for good, so that the later changes of its resource can go on.

    No event will contain its change. Instead the log gets an event that says that a change was skipped, and why.
    So the history has no gap, and the audit stays clean.
    """
    if not reason:
        raise typer.BadParameter("Give a reason: it is all that the log will say about this change.")
    with database_session(data_dir) as session:
        snapshot = skip(session, snapshot_id, reason)
        row = {**describe_snapshot(snapshot), "reason": reason}
        record_acts(session, settings_in(data_dir), [_act("skipped", snapshot)])
        session.commit()
    if as_json:
        print_json({"skipped": row})
        return
    _print_row("Skipped ", row)
    typer.echo(NEXT_SWEEP_NOTICE)


def _act(operation: str, snapshot: SnapshotRow) -> Act:
    """Return the decision about this snapshot. The changed resource is related to it, so that both can be found."""
    resource_id = ResourceKind(snapshot.kind).resource_id(snapshot.resource_id)
    changed = {RESOURCE_ID: resource_id, RESOURCE_NAME: snapshot.name, RESOURCE_ROLE: "changed"}
    payload = {"resource": resource_id, "revision": snapshot.revision, "change": snapshot.operation}
    return Act(f"snapshot.{operation}", f"snapshot.{snapshot.id}", snapshot.name, payload, (changed,))


def _print_row(prefix: str, row: dict[str, object]) -> None:
    text = f"{row['id']}: {row['event']} of {row['name']} ({row['resource']}), revision {row['revision']}."
    Console(soft_wrap=True).print(Text(prefix) + plain_text(text))
