"""`aftercommit events list`: prints the events that match, newest first."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from pydantic import ValidationError
from rich.console import Console
from sqlalchemy import ColumnElement, and_, true
from sqlalchemy.orm import Session

from app.capture.kind_classes import ResourceKind
from app.cli.data_dir import DEFAULT, DataDir
from app.cli.database import database_session
from app.cli.events.lines import AsJson, as_json, as_line, as_table
from app.cli.events.options import (
    By,
    Reason,
    Request,
    SourceOption,
    by_actor,
    event_prefixes,
    labels_of,
    parse_field,
    resource_ids,
)
from app.cli.names import NAME_FORMS, parse_kind, parse_name
from app.cli.times import TIME_HELP, parse_time
from app.log.filter import changes_one_of, of_kinds, of_resources
from app.log.names import ResourceName, find_ids
from app.log.read import find_events
from app.models import EventRow
from app.schemas.bounds import describe_errors
from app.schemas.event_queries import EventFilter, NameFilter, OccurredFilter, ResourceFilter

EXAMPLES = """
Examples:

[bold]aftercommit events list[/bold]  the 50 newest events

[bold]aftercommit events list --name etl/nightly --since 2h[/bold]  changes of this deployment in the last two hours

[bold]aftercommit events list --name work-queue:pool/default --oldest-first[/bold]  events of a work queue, oldest first

[bold]aftercommit events list --kind deployment --field schedules --since 2026-11-01 --until 2026-12-01[/bold]
updates of schedules in November

[bold]aftercommit events list --by ci-2026 --reason rollback[/bold]  what the holder of this key changed, and why

[bold]aftercommit events list --source prod --since 2h[/bold]  what changed in this attached source

[bold]aftercommit events list --event prefect.deployment.deleted --limit 10 --json | jq .resource[/bold]

Repeat an option to match any of its values; different options must all match.
A name finds every resource that has or had it, also deleted and renamed ones.
"""


Limit = Annotated[int, typer.Option(min=1, max=10_000, help="Print at most this many events.")]
Prefixes = Annotated[
    list[str] | None,
    typer.Option(help="Only events whose name starts with this text, with or without `prefect.`; repeatable."),
]
Resources = Annotated[
    list[str] | None, typer.Option(help="Only events of the resource with this id, or UUID; repeatable.")
]
Names = Annotated[
    list[Any] | None,
    typer.Option(
        parser=parse_name,
        metavar="NAME",
        help=f"Only events of the resource with this name: {NAME_FORMS}; repeatable.",
    ),
]
Kinds = Annotated[
    list[Any] | None,
    typer.Option(parser=parse_kind, metavar="KIND", help="Only events of resources of this kind; repeatable."),
]
Fields = Annotated[
    list[Any] | None,
    typer.Option(
        parser=parse_field,
        metavar="FIELD",
        help="Only updates of this field, named as in `events show` or in the API; no creations or deletions; "
        "repeatable.",
    ),
]
Since = Annotated[
    datetime | None,
    typer.Option(parser=parse_time, metavar="TIME", help=f"Only events at or after this time. {TIME_HELP}"),
]
Until = Annotated[
    datetime | None,
    typer.Option(parser=parse_time, metavar="TIME", help=f"Only events up to this time. {TIME_HELP}"),
]


def list_events(
    *,
    limit: Limit = 50,
    event: Prefixes = None,
    resource: Resources = None,
    name: Names = None,
    kind: Kinds = None,
    field: Fields = None,
    since: Since = None,
    until: Until = None,
    by: By = None,
    request: Request = None,
    reason: Reason = None,
    source: SourceOption = None,
    oldest_first: Annotated[bool, typer.Option("--oldest-first", help="Start with the oldest event.")] = False,
    json: AsJson = False,
    data_dir: DataDir = DEFAULT,
) -> None:
    """Print events, newest first: position, time, event, name, changed fields, and who made the change."""
    try:
        event_filter = EventFilter(
            occurred=OccurredFilter(since=since or datetime.min.replace(tzinfo=UTC), until=until),
            event=NameFilter(prefix=event_prefixes(event or [])),
            resource=ResourceFilter(id=resource_ids(resource or []), labels=labels_of(request, reason, source)),
            related=by_actor(by),
            order="ASC" if oldest_first else "DESC",
        )
    except ValidationError as error:
        raise typer.BadParameter(describe_errors(error)) from None
    with database_session(data_dir) as session:
        where = and_(true(), *_conditions(session, name or [], kind or [], field or []))
        events = find_events(session, event_filter, limit=limit, where=where)
    _print(events, json)


def _print(events: Sequence[EventRow], json: bool) -> None:
    console = Console()
    if console.is_terminal and not json:
        console.print(as_table(events) if events else "No events.")
        return
    for event in events:
        typer.echo(as_json(event) if json else as_line(event))


def _conditions(
    session: Session, names: Sequence[ResourceName], kinds: Sequence[ResourceKind], fields: Sequence[str]
) -> Iterator[ColumnElement[bool]]:
    if names:
        yield of_resources([name.kind.resource_id(id_) for name in names for id_ in find_ids(session, name)])
    if kinds:
        yield of_kinds(kinds)
    if fields:
        yield changes_one_of(fields)
