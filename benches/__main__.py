"""`python -m benches`: measures, prints the table, keeps the results, and exits with 1 when a target was missed."""

import signal
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console

from benches.names import BENCHMARKS, chosen
from benches.pages import write_pages
from benches.report import read_reports
from benches.run import FOLDER, Run
from benches.table import table_of

DOCUMENT: Final = FOLDER.parent / "docs" / "benchmarks.md"
EXAMPLES: Final = """
Examples:

[bold]make bench-quick[/bold]  the everyday part in small, in less than eight minutes

[bold]make bench ARGS="--only http --only S4"[/bold]  two benchmarks at their full size

[bold]make bench-quick ARGS="--only drain --keep /tmp/run"[/bold]  leaves the data and the logs in that folder

[bold]make bench ARGS=--list[/bold]  what there is

Ctrl-C ends everything that was started.
"""

app = typer.Typer(rich_markup_mode="rich", add_completion=False, pretty_exceptions_enable=False)


@app.command(epilog=EXAMPLES)
def main(
    environment: Annotated[Path, typer.Option(help="The virtual environment that `make bench` makes.")] = Path(
        ".prefect/bench"
    ),
    only: Annotated[list[str] | None, typer.Option(help="A benchmark, by name or number; may be given again.")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="The everyday part, in small.")] = False,
    list_them: Annotated[bool, typer.Option("--list", help="Say which benchmarks there are, and stop.")] = False,
    publish: Annotated[
        bool, typer.Option("--publish", help="Put the results of a quick run into the documents too.")
    ] = False,
    note: Annotated[list[str] | None, typer.Option(help="What a reader of the results has to know.")] = None,
    keep: Annotated[Path | None, typer.Option(help="An empty folder that keeps the data and the logs.")] = None,
) -> None:
    """Measure aftercommit beside a real Prefect server and beside the bare database.

    The exit code is 1 when a target was missed, and 2 when something could not be measured.
    """
    console = Console()
    if list_them:
        for each in BENCHMARKS:
            console.print(f"{each.number:4} {each.name:13} {each.title}", highlight=False)
        return
    try:
        wanted = chosen(only or [], quick=quick)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    # Whoever ends it in order ends the servers with it, and nothing is left behind.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    published = publish or not quick
    run = Run(console, environment, quick, FOLDER / f"results{'' if published else '-quick'}.json", note or [])
    failures = run.all(wanted, keep)
    console.print()
    for report in run.reports:
        console.print(table_of(report))
    if published and run.reports:
        write_pages(read_reports(run.file), DOCUMENT)
    missed = sum(len(report.missed) for report in run.reports)
    console.print(f"{missed} of {sum(len(report.lines) for report in run.reports)} figures miss their target.")
    for failure in failures:
        console.print(failure, style="red", markup=False)
    if missed or failures:
        raise typer.Exit(2 if failures else 1)


if __name__ == "__main__":
    app()
