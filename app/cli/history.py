"""`aftercommit history`: the whole life of what bears a name, or its state at a moment."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated
from uuid import UUID

import typer
from sqlalchemy.orm import Session

from app.capture.kinds import kind_of
from app.capture.resource_kind import ResourceKind
from app.cli.data_dir import DEFAULT, DataDir
from app.cli.database import consistent_session
from app.cli.events.lines import AsJson, as_json
from app.cli.history_printing import print_life, print_state, state_as_json, tell_absence
from app.cli.names import NAME_FORMS, OneKind, parse_name
from app.cli.times import TIME_HELP, parse_time
from app.errors import NotFound
from app.log.lives import Life, read_lives
from app.log.names import find_ids
from app.log.state import Phase

EXAMPLES = """
Examples:

[bold]aftercommit history etl/nightly[/bold]  all lives of this deployment, what is newest first

[bold]aftercommit history etl/nightly --at 2026-11-23T15:44Z[/bold]  what it was then

[bold]aftercommit history etl/nightly --at '2h ago' --json | jq .fields.version[/bold]

[bold]aftercommit history work-queue:pool/default[/bold] or [bold]--kind work-queue pool/default[/bold]

[bold]aftercommit history prefect.deployment.2b942d9c-285d-46ed-92ab-5cf47eef8315[/bold]  by id

The state at a moment is rebuilt from the events. What they do not tell is said to be unknown, since when and why.
Values are masked as they were captured.

Exit codes: 0 told; 1 nothing by that name is known, or the database does not answer; 2 the command is not understood;
3 at that moment nothing had that name, and why.
"""
NOTHING_THEN = 3


def tell_history(
    name: Annotated[str, typer.Argument(metavar="NAME", help=f"{NAME_FORMS}; or a resource's id.")],
    kind: OneKind = None,
    at: Annotated[
        datetime | None,
        typer.Option("--at", parser=parse_time, metavar="TIME", help=f"Give the state at a time, {TIME_HELP}"),
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="How many events at most.")] = None,
    oldest_first: Annotated[bool, typer.Option("--oldest-first", help="Begin with the oldest event.")] = False,
    json: AsJson = False,
    data_dir: DataDir = DEFAULT,
) -> None:
    """Tell the whole life of a deployment or another resource: every life of its name, with each change.

    With --at, give its tracked state at that time instead.
    """
    by_id = kind_of(name) if kind is None else None
    wanted = parse_name(name, kind) if by_id is None else None
    with consistent_session(data_dir) as session:
        if wanted is None:
            assert by_id is not None, "it is a name or an id"
            lives = _known_life(session, *by_id)
        else:
            lives = read_lives(session, wanted.kind, find_ids(session, wanted))
    if at is not None:
        _tell_state(name, lives, at, None if wanted is None else wanted.name, json)
    else:
        _tell_lives(lives, limit, oldest_first, json)


def _known_life(session: Session, kind: ResourceKind, id_: UUID) -> list[Life]:
    lives = read_lives(session, kind, [id_])
    if not lives[0].events and not lives[0].pending:
        raise NotFound("Nothing is known of a resource with this id: the log and the outbox have no change of it.")
    return lives


def _tell_lives(lives: Sequence[Life], limit: int | None, oldest_first: bool, json: bool) -> None:
    left = limit
    for life in lives if oldest_first else reversed(lives):
        events = list(life.events if oldest_first else reversed(life.events))[:left]
        if json:
            for event in events:
                typer.echo(as_json(event))
        elif left != 0:
            print_life(life, events)
        left = None if left is None else left - len(events)


def _tell_state(asked: str, lives: Sequence[Life], at: datetime, name: str | None, json: bool) -> None:
    then = [(life.until(at), life.until(at).state()) for life in lives]
    found = [(life, state) for life, state in then if state.phase is Phase.ALIVE and name in (None, state.name)]
    for life, state in found[-1:] or then:
        if json:
            typer.echo(state_as_json(life, state, at))
        elif found:
            print_state(life, state, at)
    if not found:
        if not json:
            tell_absence(asked, lives, then, at)
        raise typer.Exit(NOTHING_THEN)
