"""`aftercommit events show`: prints one event with its changes."""

from collections.abc import Iterable, Iterator
from typing import Annotated
from uuid import UUID

import typer

from app.capture.attribution import ACTOR, LABEL_OF, PARTS
from app.cli.data_dir import DEFAULT, DataDir
from app.cli.database import database_session
from app.cli.diff_lines import Line, difference_lines, value_lines
from app.cli.diff_printing import print_labelled_value, print_lines
from app.cli.events.lines import AsJson, as_json, resource_name
from app.cli.times import format_time
from app.log.read import read_event
from app.models import EventRow
from app.postgres.base import JsonObject
from app.schemas.event import RESOURCE_ID, RESOURCE_ROLE

EXAMPLES = """
Examples:

[bold]aftercommit events show 17[/bold]  the event at position 17, as `events list` shows it

[bold]aftercommit events show 01a20914-5d54-7537-a2c1-c1878b12b7c9 --json | jq .payload.updates[/bold]

[bold]aftercommit events show 17 | less[/bold]  complete values: they are shortened only on a terminal

A masked value is shown as `masked (digits)`; equal digits mean equal values.
`omitted (bytes)` stands for a value that was too large for its event.
"""

EMPTY: tuple[object, ...] = (None, "", [], {})
OMISSION_KEYS = frozenset({"skipped", "omitted_fields"})
"""Parts of a payload that are not fields: they describe what the event leaves out."""


def parse_event(text: str) -> UUID | int:
    """Parse the id of an event or its position in the log.

    Raises:
        BadParameter: the text is neither.
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
    """Show one event: its times, its resource, related resources, and its changes as a nested diff."""
    with database_session(data_dir) as session:
        event = read_event(session, event_id)
    if json:
        typer.echo(as_json(event))
        return
    for name, value in _labelled_values(event):
        print_labelled_value(name, value)
    print_lines(change_lines(event))


def change_lines(event: EventRow, *, with_empty: bool = True) -> Iterable[Line]:
    """Return the lines for the changes of an event; for a client's event or a damaged one, for its whole payload.

    Without `with_empty`, a creation shows only its non-empty fields.
    """
    if event.revision is None:
        return _whole(event.payload)
    try:
        return list(_changes(event, with_empty))
    except (AttributeError, KeyError, TypeError):
        return value_lines("damaged payload", event.payload)


def _whole(payload: JsonObject) -> Iterator[Line]:
    for key, part in sorted(payload.items()):
        yield from value_lines(key, part)


def _changes(event: EventRow, with_empty: bool) -> Iterator[Line]:
    sign = {"created": "+", "deleted": "-"}.get(event.event.rpartition(".")[2], " ")
    yield from _updates(event.payload.get("updates", {}))
    for field, value in sorted(event.payload.get("fields", {}).items()):
        if with_empty or value not in EMPTY:
            yield from value_lines(field, value, sign=sign)
    for key in sorted(OMISSION_KEYS & event.payload.keys()):
        yield from value_lines(key, event.payload[key])


def _updates(updates: JsonObject) -> Iterator[Line]:
    for field, change in sorted(updates.items()):
        yield from difference_lines(field, change["from"], change["to"])


def _labelled_values(event: EventRow) -> Iterator[tuple[str, str]]:
    yield "event", event.event
    yield "name", resource_name(event)
    yield "resource", event.resource_id
    if event.revision is not None:
        yield "revision", str(event.revision)
    yield "occurred", format_time(event.occurred)
    yield "received", format_time(event.received)
    yield "position", str(event.position)
    yield "id", str(event.id)
    yield "follows", "-" if event.follows is None else str(event.follows)
    for part in PARTS:
        if part != ACTOR and LABEL_OF[part] in event.resource:
            yield part, event.resource[LABEL_OF[part]]
    for related in event.related:
        labels = {key: value for key, value in related.items() if key not in (RESOURCE_ID, RESOURCE_ROLE)}
        more = ", ".join(f"{key.rpartition('.')[2]} {value}" for key, value in sorted(labels.items()))
        yield (
            related.get(RESOURCE_ROLE, "related"),
            f"{related.get(RESOURCE_ID)} ({more})" if more else related[RESOURCE_ID],
        )
