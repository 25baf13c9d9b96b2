"""`aftercommit events`: the event log on the terminal, or as JSON lines for other programs."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Annotated

import typer
from pydantic import ValidationError
from rich.console import Console
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session, sessionmaker

from app.cli.data_dir import DEFAULT, DataDir, settings_in
from app.cli.event_lines import as_json, as_line, as_table
from app.cli.event_tail import CtrlC, Follower
from app.crud.events import find_events
from app.database import describe, make_engine, make_sessions
from app.errors import Unavailable
from app.schemas.events import EventFilter, NameFilter, OccurredFilter, ResourceFilter
from app.settings import Settings
from app.telemetry import configure_logging
from app.wakeup import Wakeups

LIST_EXAMPLES = """
Examples:

[bold]aftercommit events list[/bold]  the 50 newest events

[bold]aftercommit events list --event prefect.deployment.deleted --limit 10[/bold]

[bold]aftercommit events list --resource prefect.deployment.<id> --oldest-first --json[/bold]
"""
TAIL_EXAMPLES = """
Examples:

[bold]aftercommit events tail[/bold]  what happens from now on

[bold]aftercommit events tail --all --json[/bold]  the whole log, then what happens

[bold]aftercommit events tail --from 1201 --json[/bold]  go on after the event at position 1200

Positions have no gaps and come in order: a program that stores the last `position` it handled misses nothing.
"""
POLL_SECONDS = 1.0

app = typer.Typer(help="Read the event log.", no_args_is_help=True, rich_markup_mode="rich")

AsJson = Annotated[bool, typer.Option("--json", help="One JSON object a line.")]


@app.command("list", epilog=LIST_EXAMPLES)
def list_events(
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many events at most.")] = 50,
    event: Annotated[list[str] | None, typer.Option(help="How the event's name starts; may be repeated.")] = None,
    resource: Annotated[list[str] | None, typer.Option(help="The id of a resource; may be repeated.")] = None,
    oldest_first: Annotated[bool, typer.Option("--oldest-first", help="Begin with the oldest event.")] = False,
    json: AsJson = False,
    data_dir: DataDir = DEFAULT,
) -> None:
    """Print the newest events: time, event, deployment and changed fields."""
    try:
        event_filter = EventFilter(
            occurred=OccurredFilter(since=datetime.min.replace(tzinfo=UTC)),
            event=NameFilter(prefix=event or []),
            resource=ResourceFilter(id=resource or []),
            order="ASC" if oldest_first else "DESC",
        )
    except ValidationError as error:
        raise typer.BadParameter("; ".join(problem["msg"] for problem in error.errors())) from None
    with _log_of(settings_in(data_dir)) as sessions, sessions() as session:
        events = find_events(session, event_filter, limit=limit)
    console = Console()
    if console.is_terminal and not json:
        console.print(as_table(events) if events else "No events.")
        return
    for found in events:
        typer.echo(as_json(found) if json else as_line(found))


@app.command("tail", epilog=TAIL_EXAMPLES)
def tail_events(
    from_: Annotated[int | None, typer.Option("--from", min=1, help="Begin at this position of the log.")] = None,
    from_start: Annotated[bool, typer.Option("--all", help="Begin at the start of the log.")] = False,
    json: AsJson = False,
    data_dir: DataDir = DEFAULT,
) -> None:
    """Print events as they are appended, until Ctrl-C. It lives through an outage of the database."""
    if from_ is not None and from_start:
        raise typer.BadParameter("Give --from or --all, not both.")
    settings = settings_in(data_dir)
    start = 1 if from_start else from_
    with CtrlC() as ctrl_c, _log_of(settings) as sessions, Wakeups(settings.broker_url) as wakeups:
        follower = Follower(sessions, start, lambda text: typer.echo(text, err=True))
        while not ctrl_c.wished:
            events = follower.read()
            for event in events:
                typer.echo(as_json(event) if json else as_line(event))
            if not events:
                ctrl_c.during(lambda: wakeups.wait(POLL_SECONDS))


@contextmanager
def _log_of(settings: Settings) -> Iterator[sessionmaker[Session]]:
    # Logs belong on stderr: on stdout they would stand between the events.
    configure_logging(settings.log_level, as_json=settings.log_json)
    engine = make_engine(settings, application_name="aftercommit-events", pool_size=1)
    try:
        yield make_sessions(engine)
    except DBAPIError as error:
        raise Unavailable(f"The event log can't be read: {describe(error)}.") from error
    finally:
        engine.dispose()
