"""`aftercommit events tail`: prints new events as they arrive."""

from typing import Annotated

import typer

from app.cli.data_dir import DEFAULT, DataDir, settings_in
from app.cli.database import database_sessions
from app.cli.events.ctrl_c import CtrlC
from app.cli.events.lines import AsJson, as_line
from app.cli.events.options import By, Reason, Request, SourceOption, by_actor, labels_of
from app.log.live.follower import Follower
from app.log.live.reading import ANY_TIME
from app.log.live.reading import as_json as json_line
from app.log.live.watch import POLL_SECONDS
from app.schemas.event_queries import EventFilter, ResourceFilter

EXAMPLES = """
Examples:

[bold]aftercommit events tail[/bold]  what happens from now on

[bold]aftercommit events tail --all --json[/bold]  the whole log, then what happens

[bold]aftercommit events tail --by alice[/bold]  what this person changes

[bold]aftercommit events tail --from 1201 --json[/bold]  go on after the event at position 1200

Positions have no gaps and come in order: a program that stores the last `position` it handled misses nothing.
"""


def tail_events(
    from_: Annotated[int | None, typer.Option("--from", min=1, help="Begin at this position of the log.")] = None,
    from_start: Annotated[bool, typer.Option("--all", help="Begin at the start of the log.")] = False,
    by: By = None,
    request: Request = None,
    reason: Reason = None,
    source: SourceOption = None,
    json: AsJson = False,
    data_dir: DataDir = DEFAULT,
) -> None:
    """Print events as they are appended, until Ctrl-C. It lives through an outage of the database."""
    if from_ is not None and from_start:
        raise typer.BadParameter("Give --from or --all, not both.")
    after = 0 if from_start else None if from_ is None else from_ - 1
    resource = ResourceFilter(labels=labels_of(request, reason, source))
    wanted = EventFilter(occurred=ANY_TIME, resource=resource, related=by_actor(by), order="ASC")
    with CtrlC() as ctrl_c, database_sessions(settings_in(data_dir)) as sessions:
        render = json_line if json else as_line
        follower = Follower(sessions, after, lambda text: typer.echo(text, err=True), wanted=wanted, render=render)
        with follower.watch.listener() as listener:
            while not ctrl_c.requested:
                page = follower.read()
                for frame in page.frames if page is not None else ():
                    typer.echo(frame.text)
                if page is None:
                    ctrl_c.during(lambda: listener.wait(POLL_SECONDS))
