"""How the command line shows an event: as a line, as a row of a table, as JSON."""

from collections.abc import Iterable
from datetime import UTC

from rich.table import Table
from rich.text import Text

from app.events.schema import RESOURCE_ID, RESOURCE_NAME, ReceivedEvent
from app.models import EventRow

COLUMNS = ("time", "event", "deployment", "changed")


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
    time = event.occurred.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    name = event.resource.get(RESOURCE_NAME) or event.resource[RESOURCE_ID]
    return tuple(visible(cell) for cell in (time, event.event, name, _changed(event)))


def _changed(event: EventRow) -> str:
    skipped = event.payload.get("skipped")
    if isinstance(skipped, dict):
        return f"skipped ({skipped.get('operation')}): {skipped.get('reason')}"
    fields = event.payload.get("updated_fields")
    return ", ".join(map(str, fields)) if isinstance(fields, list) else ""


def visible(text: str) -> str:
    """Spell out control characters: a name must not steer the terminal or break the line."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)
