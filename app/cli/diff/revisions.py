"""Prints what is different between two revisions of a resource."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import typer

from app.cli.database import consistent_session
from app.cli.diff_lines import Line, difference_lines, value_lines
from app.cli.diff_printing import print_labelled_value, print_lines
from app.cli.events.lines import author_of, operation_of, resource_name
from app.cli.targets import Target
from app.cli.times import format_time
from app.log.comparison import compare
from app.log.history import ResourceHistory
from app.log.state import Unknown
from app.postgres.base import JsonObject

Differences = Mapping[str, tuple[Any, Any]]


def print_difference(target: Target, first: int, second: int, as_json: bool, data_dir: Path) -> None:
    """Print the differences as lines, or as one JSON object.

    Raises:
        NotFound: no such resource is known, or the log has no event with one of the revisions.
    """
    with consistent_session(data_dir) as session:
        before, after = target.up_to_revision(target.histories(session), first, second)
    differences = compare(before, after)
    if as_json:
        typer.echo(json.dumps(_as_json(before, after, differences), ensure_ascii=False, default=str))
        return
    print_labelled_value("name", resource_name(after.events[-1]))
    print_labelled_value("resource", after.resource_id)
    print_labelled_value("from", _revision(before))
    print_labelled_value("to", _revision(after))
    print_lines(_lines(differences))
    if not differences:
        typer.echo("No tracked field differs.")


def _revision(part: ResourceHistory) -> str:
    """Return the last revision of this part of a history: its time, what it did, and who made it."""
    event = part.events[-1]
    text = f"revision {event.revision} of {format_time(event.occurred)}, {operation_of(event)}"
    # Its fields are those before it.
    note = " (its fields are the last ones)" if operation_of(event) == "deleted" else ""
    return " ".join(filter(None, (text + note, author_of(event))))


def _lines(differences: Differences) -> Iterator[Line]:
    for field, (before, after) in differences.items():
        if before == after:
            # Unknown at both revisions for one reason, and it may have changed in between.
            yield from value_lines(field, after)
        else:
            yield from difference_lines(field, before, after)


def _as_json(before: ResourceHistory, after: ResourceHistory, differences: Differences) -> JsonObject:
    unknown = {field: pair for field, pair in differences.items() if any(isinstance(side, Unknown) for side in pair)}
    return {
        "kind": after.kind.name,
        "name": after.state().name,
        "resource": after.resource_id,
        "from": _revision_as_json(before),
        "to": _revision_as_json(after),
        "changes": {
            field: {"from": pair[0], "to": pair[1]} for field, pair in differences.items() if field not in unknown
        },
        "unknown": {field: {"from": _side(pair[0]), "to": _side(pair[1])} for field, pair in unknown.items()},
    }


def _revision_as_json(part: ResourceHistory) -> JsonObject:
    event = part.events[-1]
    return {
        "revision": event.revision,
        "occurred": format_time(event.occurred),
        "operation": operation_of(event),
        "event": str(event.id),
    }


def _side(value: Any) -> JsonObject:
    return {"since": value.since, "reason": value.reason.value} if isinstance(value, Unknown) else {"value": value}
