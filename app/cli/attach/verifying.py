"""`aftercommit attach verify`: compares all rows of a source with what the log tells of it."""

import time
from dataclasses import asdict
from datetime import datetime
from typing import Final

import typer
from rich.console import Console
from rich.table import Table
from sqlalchemy.orm import Session, sessionmaker

from app.cli.attach.listing import SourceName
from app.cli.data_dir import DEFAULT, DataDir, settings_in
from app.cli.database import database_sessions
from app.cli.printing import AsJson, plain_text, print_json
from app.errors import SourceUnavailable, Unavailable
from app.models import Source
from app.sources.known import find_source
from app.sources.status import count_resources
from app.sources.verification import Verification, read_verification, request_verification

EXAMPLES: Final = """
Examples:

[bold]aftercommit attach verify prod[/bold]

[bold]aftercommit attach verify prod --json | jq .found[/bold]  for scripts and monitors

A worker compares all rows with the states that the log tells. Changes that are on their way are no differences.
For each difference, the log gets an event `resynced`, so a second verification finds nothing. The list has at most
1000 differences; `aftercommit events list` shows all.

Exit codes: 0 nothing differs; 1 something differs, or the source cannot be verified now.
"""
LOOKS_SECONDS: Final = 0.2
PATIENCE_SECONDS: Final = 60.0
"""How long the command waits for a worker that does nothing."""


def verify_source(name: SourceName, data_dir: DataDir = DEFAULT, as_json: AsJson = False) -> None:
    """Compare all rows of a source with the log, and tell what passed by the triggers.

    The workers do this once a day by themselves.
    """
    settings = settings_in(data_dir)
    with database_sessions(settings) as sessions:
        with sessions.begin() as session:
            requested = request_verification(session, settings, name)
        verification = _wait(sessions, name, requested)
    if as_json:
        print_json({"source": name, **asdict(verification)})
    else:
        _print(name, verification)
    if verification.found:
        raise typer.Exit(1)


def _wait(sessions: sessionmaker[Session], name: str, requested: datetime) -> Verification:
    """Wait until a verification that was asked for then, or later, is finished.

    Raises:
        SourceUnavailable: the last try to follow the source failed.
        Unavailable: no worker does anything.
    """
    compared, deadline = -1, time.monotonic() + PATIENCE_SECONDS
    with Console(stderr=True).status("Waiting for a worker ...") as progress:
        while True:
            with sessions() as session:
                verification = read_verification(session, name)
                if verification.finished is not None and verification.requested >= requested:
                    return verification
                source = _require_working(session, name)
                if verification.compared != compared:
                    compared, deadline = verification.compared, time.monotonic() + PATIENCE_SECONDS
                    progress.update(f"Compared {compared} of about {count_resources(session, source)} resources ...")
            if time.monotonic() > deadline:
                raise Unavailable(
                    f"No worker has verified anything of {name} for a minute. Are beat and a worker running? The "
                    "verification stays asked for."
                )
            time.sleep(LOOKS_SECONDS)


def _require_working(session: Session, name: str) -> Source:
    source = find_source(session, name)
    if source.error is not None:
        raise SourceUnavailable(f"The source {name} cannot be followed now: {source.error}")
    if source.url is None or source.paused is not None:
        raise SourceUnavailable(f"The source {name} was paused or detached meanwhile.")
    return source


def _print(name: str, verification: Verification) -> None:
    console = Console()
    if not verification.found:
        console.print(f"Compared {verification.compared} resources of {name}. Nothing differs.", highlight=False)
        return
    table = Table("resource", "name", "now", "different", "event", box=None, pad_edge=False)
    for one in verification.differences:
        now, fields = "exists" if one.exists else "is gone", ", ".join(one.fields)
        table.add_row(*map(plain_text, (one.resource, one.name, now, fields, one.event)))
    console.print(table)
    console.print(
        f"Compared {verification.compared} resources of {name}. {verification.found} differed: something passed by "
        "the triggers. The log now says so.",
        highlight=False,
    )
