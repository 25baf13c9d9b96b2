"""`aftercommit events show`: one event, and what it changed."""

from collections.abc import Iterator
from typing import Annotated
from uuid import UUID

import typer

from app.cli.data_dir import DEFAULT, DataDir
from app.cli.database import database_session
from app.cli.diff_lines import Line, difference, whole
from app.cli.diff_printing import print_fact, print_lines
from app.cli.events.lines import AsJson, as_json, named
from app.cli.times import shown
from app.log.read import read_event
from app.models import EventRow
from app.postgres.engine import JsonObject
from app.schemas.event import RESOURCE_ID, RESOURCE_ROLE

EXAMPLES = """
Examples:

[bold]aftercommit events show 17[/bold]  the event at position 17, as `events list` shows it

[bold]aftercommit events show 01a20914-5d54-7537-a2c1-c1878b12b7c9 --json | jq .payload.updates[/bold]

[bold]aftercommit events show 17 | less[/bold]  whole values: only a terminal has them cut

A masked value stands as `masked (digits)`: the same digits are the same value. `omitted (bytes)` was too large for its
event.
"""

NOTES = frozenset({"skipped", "omitted_fields"})
"""Parts of a payload that are no fields but tell of what is not told."""


def parse_event(text: str) -> UUID | int:
    """Return the id or the position that this text is.

    Raises:
        BadParameter: it is neither.
    """
    try:
        return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else UUID(text)
    except ValueError:
        raise typer.BadParameter("Neither an event's id nor a position in the log.") from None


def show_event(
    event_id: Annotated[
        UUID, typer.Argument(parser=parse_event, metavar="ID", help="The id of an event, or its position in the log.")
    ],
    json: AsJson = False,
    data_dir: DataDir = DEFAULT,
) -> None:
    """Show one event: when, of what, what it relates to, and what it changed, as a nested diff."""
    with database_session(data_dir) as session:
        event = read_event(session, event_id)
    if json:
        typer.echo(as_json(event))
        return
    for name, value in _facts(event):
        print_fact(name, value)
    print_lines(changes(event))


def changes(event: EventRow) -> Iterator[Line]:
    """Yield the lines that tell what an event changed; what a client sent is shown as it is."""
    if event.revision is None:
        for key, part in sorted(event.payload.items()):
            yield from whole(key, part)
        return
    sign = {"created": "+", "deleted": "-"}.get(event.event.rpartition(".")[2], " ")
    yield from _updates(event.payload.get("updates", {}))
    for field, value in sorted(event.payload.get("fields", {}).items()):
        yield from whole(field, value, sign=sign)
    for key in sorted(NOTES & event.payload.keys()):
        yield from whole(key, event.payload[key])


def _updates(updates: JsonObject) -> Iterator[Line]:
    for field, change in sorted(updates.items()):
        yield from difference(field, change["from"], change["to"])


def _facts(event: EventRow) -> Iterator[tuple[str, str]]:
    yield "event", event.event
    yield "name", named(event)
    yield "resource", event.resource_id
    if event.revision is not None:
        yield "revision", str(event.revision)
    yield "occurred", shown(event.occurred)
    yield "received", shown(event.received)
    yield "position", str(event.position)
    yield "id", str(event.id)
    yield "follows", "-" if event.follows is None else str(event.follows)
    for related in event.related:
        labels = {key: value for key, value in related.items() if key not in (RESOURCE_ID, RESOURCE_ROLE)}
        more = ", ".join(f"{key.rpartition('.')[2]} {value}" for key, value in sorted(labels.items()))
        yield (
            related.get(RESOURCE_ROLE, "related"),
            f"{related.get(RESOURCE_ID)} ({more})" if more else related[RESOURCE_ID],
        )
