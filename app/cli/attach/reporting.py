"""`aftercommit attach report`: what a Prefect server told of the changes that were committed in its database."""

import json
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.table import Table

from app.cli.attach.listing import SourceName
from app.cli.attach.report_page import render_page
from app.cli.data_dir import DEFAULT, DataDir, settings_in
from app.cli.database import database_session
from app.cli.printing import AsJson, plain_text, print_json
from app.cli.times import TIME_HELP, format_time, parse_time
from app.errors import InvalidRequest
from app.sources.report.report import make_report
from app.sources.report.result import Counts, Finding, Report

EXAMPLES: Final = """
Examples:

[bold]aftercommit attach report prod[/bold]  of the last seven days

[bold]aftercommit attach report prod --since 2h --html report.html[/bold]  a page to hand on

[bold]aftercommit attach report prod --json | jq -r '.findings[] | select(.problem == "lost") | .change'[/bold]

It compares the table `events` of the server with the log: of the changes that were committed, which did it tell?
A change of the status and of other fields at once counts as two: the server has an event for each.
The role needs SELECT on that table. Values are masked as in the log.

Exit codes: 0 each change was told once and right; 1 some were not, or no report can be made.
"""
SHOWN: Final = 50
PROBLEMS: Final = {
    "lost": "committed, and not told",
    "invented": "told, and not committed",
    "twice": "told again",
    "wrong": "told with other values, or with fields left out",
}

SinceOption = Annotated[
    datetime | None,
    typer.Option(
        "--since", parser=parse_time, metavar="TIME", help=f"Compare from this time on; 7d by default. {TIME_HELP}"
    ),
]
HtmlOption = Annotated[Path | None, typer.Option("--html", metavar="FILE", help="Also write a page to hand on.")]


def report_source(
    name: SourceName,
    since: SinceOption = None,
    html: HtmlOption = None,
    data_dir: DataDir = DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Compare the events that a Prefect server has told with the changes that were committed in its database."""
    with database_session(data_dir) as session:
        report = make_report(session, settings_in(data_dir), name, since or parse_time("7d"))
    if html is not None:
        _write(html, render_page(report))
    if as_json:
        print_json(asdict(report))
    else:
        _print(report)
        if html is not None:
            typer.echo(f"The page is in {html}.")
    if report.findings:
        raise typer.Exit(1)


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InvalidRequest(f"{path} cannot be written: {error.strerror}.") from error


def _print(report: Report) -> None:
    console = Console()
    console.print(
        f"From {format_time(report.since)} to {format_time(report.until)}: "
        f"of {report.changes} changes, the server told {report.told}.",
        highlight=False,
    )
    columns = ("changes", "told", *PROBLEMS)
    table = Table("event", *columns, box=None, pad_edge=False)
    for counts in report.counts:
        table.add_row(plain_text(_event_name(counts)), *(str(getattr(counts, column)) for column in columns))
    if report.counts:
        console.print(table)
    if any(not counts.is_known for counts in report.counts):
        typer.echo("* The server has never told such an event.")
    for finding in report.findings[:SHOWN]:
        console.print(plain_text(_line(finding)), soft_wrap=True)
    if len(report.findings) > SHOWN:
        typer.echo(f"The first {SHOWN} of {len(report.findings)} are shown; --json and --html have all.")
    if report.not_judged:
        typer.echo(f"Not judged, because something passed by the triggers: {report.not_judged} events.")


def _event_name(counts: Counts) -> str:
    return counts.event.removeprefix("prefect.") + ("" if counts.is_known else " *")


def _line(finding: Finding) -> str:
    ids = [f"change {finding.change} (event {finding.position})"] if finding.change is not None else []
    ids += [f"told {finding.told}"] if finding.told is not None else []
    ids += [f"before it {finding.told_before}"] if finding.told_before is not None else []
    fields = f" ({', '.join(finding.fields)})" if finding.fields else ""
    wrong = "".join(f"; {one.field}: told {_side(one.told)}, committed {_side(one.committed)}" for one in finding.wrong)
    what = f"{finding.event} of {finding.name or finding.resource}{fields}"
    return f"{finding.problem}: {format_time(finding.at)} {what}: {', '.join(ids)}{wrong}"


def _side(value: object) -> str:
    return "nothing" if value is None else json.dumps(value, ensure_ascii=False, default=str)
