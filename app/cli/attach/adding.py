"""`aftercommit attach URL`: attaches a source, or shows what that would do."""

import sys
from dataclasses import asdict
from typing import Annotated, Final

import typer

from app.cli.data_dir import DEFAULT, DataDir, settings_in
from app.cli.database import database_sessions
from app.cli.printing import AsJson, print_json
from app.sources.attaching import Request, attach, require_fitting
from app.sources.checking import Misfits, check_profile
from app.sources.foreign import connect, parse_url, shown_url, transaction
from app.sources.installation import install_sql
from app.sources.profile_file import parse_profile, read_profile_text

EXAMPLES: Final = """
Examples:

[bold]aftercommit attach URL --name prod --check[/bold]  says whether the profile fits, and changes nothing

[bold]aftercommit attach URL --name prod --dry-run[/bold]  prints the SQL that would run there

[bold]aftercommit attach postgresql://user:password@host/prefect --name prod[/bold]

[bold]echo "$URL" | aftercommit attach - --name prod[/bold]  keeps the password out of the list of processes

[bold]aftercommit attach URL --name shop --profile shop.toml[/bold]  another application, with a profile of its own

[bold]aftercommit attach URL --name prod --dry-run --grant-to reader | psql ...[/bold]  if only a DBA may create these

After that, attach with the URL of the role reader.
"""

UrlArgument = Annotated[
    str, typer.Argument(metavar="URL", help="postgresql://user:password@host:5432/name, or - to read it from stdin.")
]
NameOption = Annotated[str, typer.Option("--name", help="The name of the source, which its events have.")]
ProfileOption = Annotated[
    str, typer.Option("--profile", help="What the tables mean: prefect, or the path of a TOML file.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print the SQL that would run there, and connect to nothing.")]
Check = Annotated[
    bool, typer.Option("--check", help="Only say what of the profile does not fit. Exit code 1: something.")
]
GrantTo = Annotated[
    str | None, typer.Option("--grant-to", metavar="ROLE", help="A role of that database that may move the changes.")
]
NeverFail = Annotated[
    bool,
    typer.Option("--never-fail", help="A change that cannot be captured leaves a gap instead of failing. Costs more."),
]


def attach_source(
    url: UrlArgument,
    *,
    name: NameOption,
    profile: ProfileOption = "prefect",
    dry_run: DryRun = False,
    check: Check = False,
    grant_to: GrantTo = None,
    never_fail: NeverFail = False,
    data_dir: DataDir = DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Attach a database that is not ours: each committed change there becomes one event here.

    It creates a schema `aftercommit` and triggers there, and nothing else. The workers do the rest.
    """
    address = read_url(url)
    request = Request(name, address, read_profile_text(profile), never_fail, grant_to)
    if dry_run:
        parse_url(address)
        typer.echo(install_sql(parse_profile(request.profile), never_fail=never_fail, grant_to=grant_to), nl=False)
        return
    if check:
        _print_check(request, as_json=as_json)
        return
    settings = settings_in(data_dir)
    with database_sessions(settings) as sessions:
        warnings = attach(sessions, request, settings)
    if as_json:
        print_json({"attached": name, "url": shown_url(parse_url(address)), "warnings": warnings})
        return
    for warning in warnings:
        typer.echo(f"Warning: {warning}", err=True)
    typer.echo(
        f"Attached {name}. The workers now read what exists there. `aftercommit attach status {name}` shows more."
    )


def read_url(url: str) -> str:
    """Return the URL, or for `-` the one on standard input."""
    return sys.stdin.readline().strip() if url == "-" else url


def _print_check(request: Request, *, as_json: bool) -> None:
    profile = parse_profile(request.profile)
    with connect(parse_url(request.url)) as connection, transaction(connection):
        misfits = check_profile(connection, profile)
        if not misfits.problems:
            # What is wrong besides the profile is an error, as for attaching itself.
            require_fitting(connection, request)
    if as_json:
        print_json(asdict(misfits))
    else:
        _print_misfits(misfits)
    if misfits.problems:
        raise typer.Exit(1)


def _print_misfits(misfits: Misfits) -> None:
    for problem in misfits.problems:
        typer.echo(problem)
    for warning in misfits.warnings:
        typer.echo(f"Warning: {warning}")
    if not misfits.problems:
        typer.echo("The profile fits.")
