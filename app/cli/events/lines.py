"""Formats an event for the command line: as a line, as a table row, or as JSON."""

from collections.abc import Iterable
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from app.capture.attribution import ACTOR, LABEL_OF
from app.capture.kind_classes import Edge
from app.capture.kinds import KINDS, kind_of
from app.cli.control_characters import escape_control_characters
from app.cli.times import format_time
from app.models import EventRow
from app.schemas.event import RESOURCE_ID, RESOURCE_NAME, RESOURCE_ROLE, SOURCE, ReceivedEvent
from app.sources.history import parse_source_id

COLUMNS = ("position", "time", "event", "name", "changed", "by")

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object per line.")]


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
        # As Text objects, so that rich does not interpret a name as markup.
        table.add_row(*(Text(cell, overflow="fold") for cell in _cells(event)))
    return table


def _cells(event: EventRow) -> tuple[str, ...]:
    cells = (
        str(event.position),
        format_time(event.occurred),
        event.event,
        resource_name(event),
        summarize_changes(event),
        actor_of(event),
    )
    return tuple(escape_control_characters(cell) for cell in cells)


def resource_name(event: EventRow) -> str:
    """Return the name of the resource as a person writes it, such as `flow/deployment`, or
    `source:flow/deployment`; its id if it has no name."""
    name = event.resource.get(RESOURCE_NAME)
    if not name:
        return event.resource[RESOURCE_ID]
    edge = _owner_edge(event)
    owners = [related for related in event.related if edge is not None and related.get(RESOURCE_ROLE) == edge.role]
    owner = owners[0].get(RESOURCE_NAME) if owners else None
    source = event.resource.get(SOURCE)
    return ("" if source is None else f"{source}:") + (name if owner is None else f"{owner}/{name}")


def _owner_edge(event: EventRow) -> Edge | None:
    """Return the relation to the resource within which its name is unique, for kinds with the name of one of ours."""
    kind_and_id, in_source = kind_of(event.resource_id), parse_source_id(event.resource_id)
    kind = kind_and_id[0] if kind_and_id is not None else KINDS.get(in_source[1].kind) if in_source else None
    return None if kind is None else kind.owner


def actor_of(event: EventRow) -> str:
    """Return who made the change, such as `key:ci`, or an empty text for a client's event."""
    return event.resource.get(LABEL_OF[ACTOR], "")


def author_of(event: EventRow) -> str:
    """Return who made the change and why, such as `by key:ci: rollback`, or an empty text for a client's event."""
    actor, reason = actor_of(event), event.resource.get(LABEL_OF["reason"])
    return "" if not actor else f"by {actor}" if reason is None else f"by {actor}: {reason}"


def operation_of(event: EventRow) -> str:
    """Return the last part of the event's name: `created`, `updated`, `deleted`, `skipped`, or the new status."""
    return event.event.rpartition(".")[2]


def summarize_changes(event: EventRow) -> str:
    """Return the names of the changed fields in one line, or why the change was skipped."""
    skipped = event.payload.get("skipped")
    if isinstance(skipped, dict):
        return f"skipped ({skipped.get('operation')}): {skipped.get('reason')}"
    fields = event.payload.get("updated_fields")
    if not isinstance(fields, list):
        updates = event.payload.get("updates")
        fields = sorted(updates) if isinstance(updates, dict) else []
    return ", ".join(map(str, fields))
