"""`python -m benches`: run benchmarks, print the tables and save the results; exit with 1 if a target is missed."""

import signal
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console

from benches.names import BENCHMARKS, select_benchmarks
from benches.pages import write_pages
from benches.report import read_reports
from benches.run import FOLDER, Run
from benches.table import table_of

DOCUMENT: Final = FOLDER.parent / "docs" / "benchmarks.md"
EXAMPLES: Final = """
Examples:

[bold]make bench-quick[/bold]  the quick set at reduced size, in less than eight minutes

[bold]make bench ARGS="--only http --only S4"[/bold]  two benchmarks at full size

[bold]make bench-quick ARGS="--only drain --keep /tmp/run"[/bold]  keep the data and logs in that folder

[bold]make bench ARGS=--list[/bold]  list the benchmarks

Ctrl-C stops every process that the run has started.
"""

app = typer.Typer(rich_markup_mode="rich", add_completion=False, pretty_exceptions_enable=False)


@app.command(epilog=EXAMPLES)
def main(
    environment: Annotated[Path, typer.Option(help="The virtual environment that `make bench` creates.")] = Path(
        ".prefect/bench"
    ),
    only: Annotated[
        list[str] | None, typer.Option(help="Run only this benchmark (name or number). Repeatable.")
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Run the quick set, at reduced size.")] = False,
    list_them: Annotated[bool, typer.Option("--list", help="List the benchmarks and exit.")] = False,
    publish: Annotated[bool, typer.Option("--publish", help="Publish the results of a quick run too.")] = False,
    note: Annotated[list[str] | None, typer.Option(help="A remark to print below each table. Repeatable.")] = None,
    keep: Annotated[Path | None, typer.Option(help="Keep the data and logs in this empty folder.")] = None,
) -> None:
    """Compare aftercommit with a real Prefect server and with plain SQL.

    The exit code is 1 if a target is missed, and 2 if a benchmark fails to run.
    """
    console = Console()
    if list_them:
        for benchmark in BENCHMARKS:
            console.print(f"{benchmark.number:4} {benchmark.name:13} {benchmark.title}", highlight=False)
        return
    try:
        benchmarks = select_benchmarks(only or [], quick=quick)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    # SIGTERM then raises KeyboardInterrupt, so the servers are stopped as well.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    published = publish or not quick
    run = Run(console, environment, quick, FOLDER / f"results{'' if published else '-quick'}.json", note or [])
    failures = run.all(benchmarks, keep)
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
