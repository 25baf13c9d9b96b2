"""`aftercommit attach held`, `replay` and `skip`: the changes of sources that could not be moved."""

from typing import Annotated, Any, Final
from uuid import UUID

import typer
from rich.console import Console
from rich.table import Table

from app.cli.data_dir import DEFAULT, DataDir, settings_in
from app.cli.database import database_session
from app.cli.operator import Reason, give_reason
from app.cli.printing import AsJson, plain_text, print_json
from app.log.acts import Act, record_acts
from app.models import HeldChange
from app.sources.held import list_failed, replay_held, skip_held
from app.sources.known import find_source

HELD_EXAMPLES: Final = """
Examples:

[bold]aftercommit attach held[/bold]

[bold]aftercommit attach held prod --json | jq -r '.[] | select(.parked) | .id'[/bold]  for scripts
"""
REPLAY_EXAMPLES: Final = """
Examples:

[bold]aftercommit attach replay 01a20914-5d54-7537-a2c1-c1878b12b7c9[/bold]  after the bug is fixed
"""
SKIP_EXAMPLES: Final = """
Examples:

[bold]aftercommit attach skip 01a20914-5d54-7537-a2c1-c1878b12b7c9 --reason "see incident 7"[/bold]
"""
SOON: Final = "A worker takes it within seconds, if beat is running."


def _parse_id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise typer.BadParameter("Not the id of a change: `attach held` shows them in full.") from None


ChangeId = Annotated[
    UUID, typer.Argument(parser=_parse_id, metavar="ID", help="The id of a change, as `attach held` shows it.")
]


def list_held(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="The name of a source; all by default.")] = None,
    data_dir: DataDir = DEFAULT,
    as_json: AsJson = False,
) -> None:
    """List the changes that could not be moved. Later changes of the same resource wait; all others go on.

    Workers try each again for some minutes. Then it is parked: decide with `attach replay` or `attach skip`.
    """
    with database_session(data_dir) as session:
        if name is not None:
            find_source(session, name)
        rows = [_row(change, source) for change, source in list_failed(session, name)]
    if as_json:
        print_json(rows)
        return
    for row in rows:
        # One card for each: ids and errors are too wide for the columns of a single table.
        card = Table(show_header=False)
        card.add_column(style="bold")
        card.add_column()
        for key, value in row.items():
            card.add_row(key, plain_text(value))
        Console().print(card)
    if not rows:
        typer.echo("No change has failed.")


def replay(change_id: ChangeId, _reason: Reason = None, data_dir: DataDir = DEFAULT, as_json: AsJson = False) -> None:
    """Return a parked change to the workers, as if it had never failed. Do this when the cause is fixed."""
    with database_session(data_dir) as session:
        change = replay_held(session, change_id)
        record_acts(session, settings_in(data_dir), [_act("replayed", change)])
        session.commit()
    _say(as_json, {"replayed": change_id}, f"Replayed {change_id}. {SOON}")


def skip(
    change_id: ChangeId,
    reason: Annotated[
        str,
        typer.Option("--reason", callback=give_reason, help="The reason, which the log stores in place of the change."),
    ],
    data_dir: DataDir = DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Give up on a parked change for good, so that the later changes of its resource can go on.

    The log gets an event that says that a change was skipped, and why. What the change did is told as `resynced`, when
    the next change of the resource shows it.
    """
    if not reason:
        raise typer.BadParameter("Give a reason: it is all that the log will say about this change.")
    with database_session(data_dir) as session:
        change = skip_held(session, change_id, reason)
        record_acts(session, settings_in(data_dir), [_act("skipped", change)])
        session.commit()
    _say(as_json, {"skipped": change_id, "reason": reason}, f"Skipped {change_id}. {SOON}")


def _row(change: HeldChange, source: str) -> dict[str, Any]:
    return {
        "id": change.id,
        "source": source,
        "kind": change.kind,
        "key": change.key,
        "at": change.at,
        "attempts": change.attempts,
        "error": change.error,
        "next_attempt": change.next_attempt,
        "parked": change.parked,
        "skip_reason": change.skip_reason,
    }


def _act(operation: str, change: HeldChange) -> Act:
    payload = {"source": str(change.source_id), "kind": change.kind, "key": change.key}
    return Act(f"change.{operation}", f"change.{change.id}", change.key or change.kind, payload)


def _say(as_json: bool, row: dict[str, object], text: str) -> None:
    if as_json:
        print_json(row)
    else:
        typer.echo(text)
