"""`aftercommit outbox parked` and `show`: print the parked snapshots, or any one snapshot."""

import json
from datetime import datetime
from typing import Annotated, Any, Final
from uuid import UUID

import typer
from rich.console import Console
from rich.table import Table

from app.capture.kind_classes import ResourceKind
from app.cli.control_characters import escape_control_characters
from app.cli.data_dir import DEFAULT, DataDir
from app.cli.database import database_session
from app.cli.printing import AsJson, plain_text, print_json
from app.models import SnapshotRow
from app.outbox import parked as outbox
from app.postgres.base import JsonObject, load_json

PARKED_EXAMPLES = """
Examples:

[bold]aftercommit outbox parked[/bold]

[bold]aftercommit outbox parked --json | jq -r '.[].id'[/bold]  only the ids, for scripts
"""
SHOW_EXAMPLES = """
Examples:

[bold]aftercommit outbox show 01a20914-5d54-7537-a2c1-c1878b12b7c9[/bold]

[bold]aftercommit outbox show 01a20914-5d54-7537-a2c1-c1878b12b7c9 --json | jq .changes[/bold]
"""

Row = dict[str, Any]

SIDES: Final = ("before", "after")


def parse_snapshot(text: str) -> UUID:
    """Parse the id of a snapshot.

    Raises:
        BadParameter: the text is not a UUID.
    """
    try:
        return UUID(text)
    except ValueError:
        raise typer.BadParameter("Not the id of a snapshot: `outbox parked` shows them in full.") from None


SnapshotId = Annotated[
    UUID,
    typer.Argument(parser=parse_snapshot, metavar="ID", help="The id of a snapshot, as `outbox parked` shows it."),
]


def list_parked(data_dir: DataDir = DEFAULT, as_json: AsJson = False) -> None:
    """List the parked snapshots: they failed too often. Each one blocks its own resource until an operator decides.

    Decide with `outbox replay` or `outbox skip`.
    """
    with database_session(data_dir) as session:
        rows = [_summary(entry) for entry in outbox.list_parked(session)]
    if as_json:
        print_json(rows)
    elif rows:
        # One card for each: ids and errors are too wide for the columns of a single table.
        for row in rows:
            Console().print(_card(row))
    else:
        Console().print("Nothing is parked.")


def show_snapshot(snapshot_id: SnapshotId, data_dir: DataDir = DEFAULT, as_json: AsJson = False) -> None:
    """Show everything about one snapshot in the outbox, parked or not. Its secrets are masked."""
    with database_session(data_dir) as session:
        entry, texts = outbox.read_entry(session, snapshot_id)
        row = {**_summary(entry), **_details(entry.snapshot)}
    before, after = map(_read_state, texts)
    damaged = {
        side: text for side, text, state in zip(SIDES, texts, (before, after), strict=True) if text and state is None
    }
    changes = _changes(before, after)
    if as_json:
        print_json({**row, "changes": changes, **({"damaged": damaged} if damaged else {})})
        return
    Console().print(_card(row))
    for side, text in damaged.items():
        typer.echo(f"The state {side} the change is damaged, it is no JSON object: {escape_control_characters(text)}")
    table = Table("field", *SIDES)
    for field, sides in changes.items():
        table.add_row(
            plain_text(field), *(plain_text(json.dumps(sides[side], ensure_ascii=False, default=str)) for side in sides)
        )
    Console().print(table)


def describe_snapshot(snapshot: SnapshotRow) -> Row:
    """Return what identifies a snapshot to an operator: its id, its resource and the event that it becomes."""
    kind = ResourceKind(snapshot.kind)
    return {
        "id": snapshot.id,
        "resource": kind.resource_id(snapshot.resource_id),
        "name": snapshot.name,
        "revision": snapshot.revision,
        "event": kind.event_name(snapshot.operation),
    }


def _summary(entry: outbox.OutboxEntry) -> Row:
    snapshot = entry.snapshot
    return {
        **describe_snapshot(snapshot),
        "attempts": snapshot.attempts,
        "deaths": snapshot.deaths,
        "error": snapshot.error,
        "since": snapshot.parked,
        "waiting": entry.waiting,
    }


def _details(snapshot: SnapshotRow) -> Row:
    return {
        "state": _state(snapshot.parked, snapshot.skip_reason, snapshot.attempts),
        "next_attempt": snapshot.next_attempt,
        "skip_reason": snapshot.skip_reason,
        "occurred": snapshot.occurred,
        "captured": snapshot.captured,
        "lane": snapshot.lane,
        "schema_version": snapshot.schema_version,
        "follows": snapshot.follows,
        "attribution": snapshot.attribution,
        "references": snapshot.references,
    }


def _state(parked: datetime | None, skip_reason: str | None, attempts: int) -> str:
    if parked is not None:
        return "parked"
    if skip_reason is not None:
        return "to be skipped"
    return "retrying" if attempts else "pending"


def _read_state(text: str | None) -> JsonObject | None:
    """Return a state from its text, or None if there is none, or if it is no JSON object that Python can read."""
    try:
        state = load_json(text) if text else None
    except (ValueError, RecursionError):
        return None
    return state if isinstance(state, dict) else None


def _changes(before: JsonObject | None, after: JsonObject | None) -> dict[str, dict[str, Any]]:
    """Return the fields that differ; if there is only one state, all its fields."""
    old, new = before or {}, after or {}
    return {
        field: {"before": old.get(field), "after": new.get(field)}
        for field in sorted(old.keys() | new.keys())
        if before is None
        or after is None
        or json.dumps(old.get(field), default=str) != json.dumps(new.get(field), default=str)
    }


def _card(row: Row) -> Table:
    table = Table(show_header=False)
    table.add_column(style="bold")
    table.add_column()
    for name, value in row.items():
        table.add_row(name, plain_text(json.dumps(value) if isinstance(value, dict) else value))
    return table
