"""`aftercommit events list`: the events that match, newest first."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from pydantic import ValidationError
from rich.console import Console
from sqlalchemy import ColumnElement, and_, true
from sqlalchemy.orm import Session

from app.capture.resource_kind import ResourceKind
from app.cli.data_dir import DEFAULT, DataDir
from app.cli.database import database_session
from app.cli.events.lines import AsJson, as_json, as_line, as_table
from app.cli.names import NAME_FORMS, parse_kind, parse_name
from app.cli.times import TIME_HELP, parse_time
from app.log.filter import changes_one_of, of_kinds, of_resources
from app.log.names import ResourceName, find_ids
from app.log.read import find_events
from app.models import EventRow
from app.schemas.event_queries import EventFilter, NameFilter, OccurredFilter, ResourceFilter

EXAMPLES = """
Examples:

[bold]aftercommit events list[/bold]  the 50 newest events

[bold]aftercommit events list --name etl/nightly --since 2h[/bold]  what happened to this deployment

[bold]aftercommit events list --name work-queue:pool/default --oldest-first[/bold]

[bold]aftercommit events list --kind deployment --field schedules --since 2026-11-01 --until 2026-12-01[/bold]

[bold]aftercommit events list --event prefect.deployment.deleted --limit 10 --json | jq .resource[/bold]

An option that is given several times asks for any of its values; different options must all match. A name finds all
lives of that name: what was deleted and created again, and what had the name before it was renamed.
"""


def list_events(
    *,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many events at most.")] = 50,
    event: Annotated[list[str] | None, typer.Option(help="How the event's name starts; may be repeated.")] = None,
    resource: Annotated[list[str] | None, typer.Option(help="The id of a resource; may be repeated.")] = None,
    name: Annotated[
        list[Any] | None, typer.Option(parser=parse_name, metavar="NAME", help=f"{NAME_FORMS}; may be repeated.")
    ] = None,
    kind: Annotated[
        list[Any] | None,
        typer.Option(parser=parse_kind, metavar="KIND", help="The kind of what changed; may be repeated."),
    ] = None,
    field: Annotated[
        list[str] | None,
        typer.Option(help="A field that changed, as `events show` names it: no creations and deletions."),
    ] = None,
    since: Annotated[
        datetime | None, typer.Option(parser=parse_time, metavar="TIME", help=f"From, {TIME_HELP}")
    ] = None,
    until: Annotated[datetime | None, typer.Option(parser=parse_time, metavar="TIME", help=f"To, {TIME_HELP}")] = None,
    oldest_first: Annotated[bool, typer.Option("--oldest-first", help="Begin with the oldest event.")] = False,
    json: AsJson = False,
    data_dir: DataDir = DEFAULT,
) -> None:
    """Print events, the newest first: position, time, event, name and changed fields."""
    try:
        event_filter = EventFilter(
            occurred=OccurredFilter(since=since or datetime.min.replace(tzinfo=UTC), until=until),
            event=NameFilter(prefix=event or []),
            resource=ResourceFilter(id=resource or []),
            order="ASC" if oldest_first else "DESC",
        )
    except ValidationError as error:
        raise typer.BadParameter("; ".join(problem["msg"] for problem in error.errors())) from None
    with database_session(data_dir) as session:
        where = and_(true(), *_conditions(session, name or [], kind or [], field or []))
        events = find_events(session, event_filter, limit=limit, where=where)
    _print(events, json)


def _print(events: Sequence[EventRow], json: bool) -> None:
    console = Console()
    if console.is_terminal and not json:
        console.print(as_table(events) if events else "No events.")
        return
    for found in events:
        typer.echo(as_json(found) if json else as_line(found))


def _conditions(
    session: Session, names: Sequence[ResourceName], kinds: Sequence[ResourceKind], fields: Sequence[str]
) -> Iterator[ColumnElement[bool]]:
    if names:
        yield of_resources([name.kind.resource_id(id_) for name in names for id_ in find_ids(session, name)])
    if kinds:
        yield of_kinds(kinds)
    if fields:
        yield changes_one_of(fields)
