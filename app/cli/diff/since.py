"""Prints what changed over everything since a moment, folded by request."""

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Final

import typer
from sqlalchemy import ColumnElement, and_

from app.capture.attribution import ACTOR
from app.capture.kind_classes import ResourceKind
from app.capture.kinds import kind_of
from app.cli.database import consistent_session
from app.cli.diff_lines import Line, difference_lines, value_lines
from app.cli.diff_printing import print_labelled_value, print_lines
from app.cli.events.lines import resource_name
from app.cli.events.options import by_actor
from app.cli.text_printing import print_text
from app.cli.times import format_time
from app.log.filter import matching, of_kinds
from app.log.net_changes import NetChange
from app.log.requests import RequestChanges, read_requests
from app.postgres.base import JsonObject
from app.schemas.event_queries import EventFilter, OccurredFilter

SHOWN_LABELS: Final = ("request", "reason", "change", "on-behalf-of")


def print_changes_since(
    since: datetime, by: str | None, kind: ResourceKind | None, limit: int, as_json: bool, data_dir: Path
) -> None:
    """Print a block of lines, or a JSON object, for each request; say on stderr if some are left out."""
    with consistent_session(data_dir) as session:
        requests = read_requests(session, _condition(since, by, kind), limit)
        for request in requests.shown:
            if as_json:
                typer.echo(json.dumps(_as_json(request), ensure_ascii=False, default=str))
            else:
                _print_request(request)
    if requests.total == 0 and not as_json:
        typer.echo(f"Nothing has changed since {format_time(since)}.")
    if requests.total > limit:
        typer.echo(f"The newest {limit} of {requests.total} requests are shown; --limit shows more.", err=True)


def _condition(since: datetime, by: str | None, kind: ResourceKind | None) -> ColumnElement[bool]:
    where = matching(EventFilter(occurred=OccurredFilter(since=since), related=by_actor(by)))
    return where if kind is None else and_(where, of_kinds([kind]))


def _print_request(request: RequestChanges) -> None:
    actor = request.labels.get(ACTOR)
    print_text(f"{format_time(request.began)}{f'  by {actor}' if actor else ''}", style="bold")
    for part in SHOWN_LABELS:
        if part in request.labels:
            print_labelled_value(f"  {part}", request.labels[part])
    for change in request.changes:
        kind, _ = _kind_and_id(change)
        print_text(f"  {kind} {resource_name(change.last)}: {change.operation}, {_revisions(change)}")
        print_lines(_lines(change), depth=1)
    if request.left_out:
        print_text(f"  and {request.left_out} more resources: `aftercommit events list` shows all events")
    print_text("")


def _revisions(change: NetChange) -> str:
    last = change.last.revision
    return f"revision {last}" if last == change.first_revision else f"revisions {change.first_revision} to {last}"


def _lines(change: NetChange) -> Iterator[Line]:
    for field, (before, after) in change.fields.items():
        if change.operation == "created":
            yield from value_lines(field, after, sign="+")
        elif before == after:
            # Both were too large for their events.
            yield from value_lines(field, after)
        else:
            yield from difference_lines(field, before, after)
    for note in change.notes:
        yield Line(0, " ", "note", (note,))
    if change.operation == "updated" and not change.fields and not change.notes:
        yield Line(0, " ", "note", ("changed and changed back",))


def _kind_and_id(change: NetChange) -> tuple[str, str]:
    known = kind_of(change.last.resource_id)
    return (known[0].name if known is not None else "resource"), change.last.resource_id


def _as_json(request: RequestChanges) -> JsonObject:
    return {
        "time": format_time(request.began),
        "actor": request.labels.get(ACTOR),
        **{part: request.labels.get(part) for part in SHOWN_LABELS},
        "resources": [_change_as_json(change) for change in request.changes],
        "left_out": request.left_out,
    }


def _change_as_json(change: NetChange) -> JsonObject:
    kind, resource_id = _kind_and_id(change)
    return {
        "kind": kind,
        "name": resource_name(change.last),
        "resource": resource_id,
        "operation": change.operation,
        "revisions": [change.first_revision, change.last.revision],
        "changes": {field: {"from": pair[0], "to": pair[1]} for field, pair in change.fields.items()},
        "notes": change.notes,
    }
