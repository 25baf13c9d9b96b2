"""`aftercommit events tail`: what happens, as it happens."""

from typing import Annotated

import typer

from app.cli.data_dir import DEFAULT, DataDir, settings_in
from app.cli.database import database_sessions
from app.cli.events.follower import CtrlC, Follower
from app.cli.events.lines import AsJson, as_json, as_line
from app.wakeup import Wakeups

EXAMPLES = """
Examples:

[bold]aftercommit events tail[/bold]  what happens from now on

[bold]aftercommit events tail --all --json[/bold]  the whole log, then what happens

[bold]aftercommit events tail --from 1201 --json[/bold]  go on after the event at position 1200

Positions have no gaps and come in order: a program that stores the last `position` it handled misses nothing.
"""
POLL_SECONDS = 1.0


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
    with CtrlC() as ctrl_c, database_sessions(settings) as sessions, Wakeups(settings.broker_url) as wakeups:
        follower = Follower(sessions, start, lambda text: typer.echo(text, err=True))
        while not ctrl_c.wished:
            events = follower.read()
            for event in events:
                typer.echo(as_json(event) if json else as_line(event))
            if not events:
                ctrl_c.during(lambda: wakeups.wait(POLL_SECONDS))
