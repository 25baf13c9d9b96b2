"""The options of `aftercommit diff`."""

from datetime import datetime
from typing import Annotated, Final

import typer

from app.cli.data_dir import DEFAULT, DataDir
from app.cli.diff.revisions import print_difference
from app.cli.diff.since import print_changes_since
from app.cli.events.lines import AsJson
from app.cli.events.options import By
from app.cli.names import NAME_FORMS, KindOption
from app.cli.targets import parse_target
from app.cli.times import TIME_HELP, parse_time

EXAMPLES = """
Examples:

[bold]aftercommit diff etl/nightly 3 7[/bold]  what is different between two revisions of this deployment

[bold]aftercommit diff work-pool:pool 1 2 --json | jq .changes[/bold]

[bold]aftercommit diff --since 'friday 17:00'[/bold]  what changed over everything, newest request first

[bold]aftercommit diff --since 2h --by ci-2026 --kind deployment[/bold]

[bold]aftercommit diff --since 2026-11-23T09:00 --limit 1000 --json | jq -r .reason[/bold]

`aftercommit history` shows the revisions. Masked values stay masked. Unknown values are shown with the reason.
With --since, changes of one request are shown together: for each resource, its state before against that after.

Exit codes:
0 success; 1 no such resource or revision, or the database does not answer; 2 wrong usage.
"""
DEFAULT_LIMIT: Final = 50


def show_difference(
    name: Annotated[str | None, typer.Argument(metavar="[NAME", help=f"{NAME_FORMS}; or the id of a resource.")] = None,
    first: Annotated[int | None, typer.Argument(metavar="REVISION", min=1, help="A revision.")] = None,
    second: Annotated[int | None, typer.Argument(metavar="REVISION]", min=1, help="Another revision.")] = None,
    *,
    kind: KindOption = None,
    since: Annotated[
        datetime | None,
        typer.Option(parser=parse_time, metavar="TIME", help=f"Show all changes since this time. {TIME_HELP}"),
    ] = None,
    by: By = None,
    limit: Annotated[
        int | None,
        typer.Option(
            min=1, max=10_000, help=f"With --since, show at most this many requests; {DEFAULT_LIMIT} by default."
        ),
    ] = None,
    json: AsJson = False,
    data_dir: DataDir = DEFAULT,
) -> None:
    """Show what is different between two revisions of a resource, or what changed over everything since a time."""
    if since is not None:
        if name is not None:
            raise typer.BadParameter("Give --since alone, or a name and two revisions.")
        print_changes_since(since, by, kind, limit or DEFAULT_LIMIT, json, data_dir)
    elif name is None or first is None or second is None:
        raise typer.BadParameter("Give a name and two revisions, as in `etl/nightly 3 7`, or --since TIME.")
    elif by is not None or limit is not None:
        raise typer.BadParameter("--by and --limit belong to --since.")
    else:
        print_difference(parse_target(name, kind), first, second, json, data_dir)
