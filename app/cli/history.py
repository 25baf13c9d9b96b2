"""`aftercommit history`: all changes of the resources with a name, or their state at a time."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

import typer

from app.cli.data_dir import DEFAULT, DataDir
from app.cli.database import consistent_session
from app.cli.events.lines import AsJson, as_json
from app.cli.history_printing import print_absence, print_history, print_state, state_as_json
from app.cli.names import NAME_FORMS, KindOption
from app.cli.operator import Reason
from app.cli.restoring import DryRun, Restore, restore
from app.cli.targets import parse_target
from app.cli.times import TIME_HELP, parse_time
from app.log.history import ResourceHistory
from app.log.state import Phase

EXAMPLES = """
Examples:

[bold]aftercommit history etl/nightly[/bold]  all changes of this deployment, newest first

[bold]aftercommit history etl/nightly --at 2026-11-23T15:44Z[/bold]  its state at that time

[bold]aftercommit history etl/nightly --at '2h ago' --json | jq .fields.version[/bold]

[bold]aftercommit history work-queue:pool/default[/bold] or [bold]--kind work-queue pool/default[/bold]

[bold]aftercommit history prefect.deployment.2b942d9c-285d-46ed-92ab-5cf47eef8315[/bold]  the resource with this id

[bold]aftercommit history prod:etl/nightly[/bold] or [bold]prod:work-pool:pool[/bold]  of the attached source prod

[bold]aftercommit history etl/nightly --restore 5 --dry-run[/bold]  what would change

[bold]aftercommit history etl/nightly --restore 5 --reason "version 7 fails"[/bold]  back to revision 5

A name finds every resource that has or had it, also deleted and renamed ones.
The state at a time is rebuilt from the events. Masked values stay masked.
A value that the events do not contain is shown as unknown, with the reason.
A restored deployment gets a new revision and an event, as from any other change. Its status is not restored.

Exit codes:
0 success;
1 no resource or revision is known by this name, it cannot be restored, or the database does not answer;
2 wrong usage;
3 with --at: no resource had this name at that time (the output says why).
"""
EXIT_NOTHING_AT_TIME = 3


def show_history(
    name: Annotated[str, typer.Argument(metavar="NAME", help=f"{NAME_FORMS}; or the id of a resource.")],
    *,
    kind: KindOption = None,
    at: Annotated[
        datetime | None,
        typer.Option("--at", parser=parse_time, metavar="TIME", help=f"Show the state at this time. {TIME_HELP}"),
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Print at most this many events.")] = None,
    oldest_first: Annotated[bool, typer.Option("--oldest-first", help="Start with the oldest event.")] = False,
    revision: Restore = None,
    dry_run: DryRun = False,
    reason: Reason = None,
    json: AsJson = False,
    data_dir: DataDir = DEFAULT,
) -> None:
    """Show all changes of a deployment or another resource, from its creation to its deletion.

    With --at, show its tracked state at that time instead. With --restore, change it back to one of its revisions.
    """
    target = parse_target(name, kind)
    if revision is not None:
        if at is not None or limit is not None or oldest_first:
            raise typer.BadParameter("--restore goes with --dry-run, --reason and --json only.")
        restore(target, revision, dry_run, json, data_dir)
        return
    if dry_run or reason is not None:
        raise typer.BadParameter("--dry-run and --reason belong to --restore.")
    with consistent_session(data_dir) as session:
        histories = target.histories(session)
    if at is not None:
        _print_state(name, histories, at, target.name, json)
    else:
        _print_histories(histories, limit, oldest_first, json)


def _print_histories(histories: Sequence[ResourceHistory], limit: int | None, oldest_first: bool, json: bool) -> None:
    remaining = limit
    for history in histories if oldest_first else reversed(histories):
        events = list(history.events if oldest_first else reversed(history.events))[:remaining]
        if json:
            for event in events:
                typer.echo(as_json(event))
        elif remaining != 0:
            print_history(history, events)
        remaining = None if remaining is None else remaining - len(events)


def _print_state(
    typed_name: str, histories: Sequence[ResourceHistory], at: datetime, name: str | None, json: bool
) -> None:
    past_states = [(history.until(at), history.until(at).state()) for history in histories]
    matches = [
        (history, state) for history, state in past_states if state.phase is Phase.ALIVE and name in (None, state.name)
    ]
    for history, state in matches[-1:] or past_states:
        if json:
            typer.echo(state_as_json(history, state, at))
        elif matches:
            print_state(history, state, at)
    if not matches:
        if not json:
            print_absence(typed_name, histories, past_states, at)
        raise typer.Exit(EXIT_NOTHING_AT_TIME)
