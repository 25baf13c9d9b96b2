"""How the command line shows an event: as a line, as a row of a table, as JSON."""

from collections.abc import Iterable
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from app.capture.kinds import kind_of
from app.cli.times import shown
from app.cli.visible import visible
from app.models import EventRow
from app.schemas.event import RESOURCE_ID, RESOURCE_NAME, RESOURCE_ROLE, ReceivedEvent

COLUMNS = ("position", "time", "event", "name", "changed")

AsJson = Annotated[bool, typer.Option("--json", help="One JSON object a line.")]


def as_json(event: EventRow) -> str:
    """Return the event as one line of JSON, with its position in the log."""
    return ReceivedEvent.model_validate(event, from_attributes=True).model_dump_json()


def as_line(event: EventRow) -> str:
    """Return the event as one line of text, its parts separated by tabs."""
    return "\t".join(_cells(event))


def as_table(events: Iterable[EventRow]) -> Table:
    """Return a table of events."""
    table = Table(*COLUMNS, box=None, pad_edge=False)
    for event in events:
        # As texts, so that nothing in a name is taken for markup.
        table.add_row(*(Text(cell, overflow="fold") for cell in _cells(event)))
    return table


def _cells(event: EventRow) -> tuple[str, ...]:
    cells = (str(event.position), shown(event.occurred), event.event, named(event), changed(event))
    return tuple(visible(cell) for cell in cells)


def named(event: EventRow) -> str:
    """Return the name of what changed, as a person writes it: `flow/deployment`, or an id where there is no name."""
    name = event.resource.get(RESOURCE_NAME)
    if not name:
        return event.resource[RESOURCE_ID]
    known = kind_of(event.resource_id)
    edge = known[0].owner if known is not None else None
    owners = [related for related in event.related if edge is not None and related.get(RESOURCE_ROLE) == edge.role]
    owner = owners[0].get(RESOURCE_NAME) if owners else None
    return name if owner is None else f"{owner}/{name}"


def changed(event: EventRow) -> str:
    """Return the names of the changed fields in one line, or why they are not told."""
    skipped = event.payload.get("skipped")
    if isinstance(skipped, dict):
        return f"skipped ({skipped.get('operation')}): {skipped.get('reason')}"
    fields = event.payload.get("updated_fields")
    if not isinstance(fields, list):
        updates = event.payload.get("updates")
        fields = sorted(updates) if isinstance(updates, dict) else []
    return ", ".join(map(str, fields))
