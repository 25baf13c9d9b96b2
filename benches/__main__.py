"""`python -m benches`: measures, prints the table, keeps the results, and exits with 1 when a target was missed."""

import shlex
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from time import monotonic
from typing import Annotated, Final

import typer
from rich.console import Console

from app.errors import AppError
from benches.names import BENCHMARKS, Benchmark, chosen
from benches.plan import FULL, QUICK
from benches.report import Report, keep_reports, machine, now
from benches.rig import Rig
from benches.table import table_of

FOLDER: Final = Path(__file__).parent
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
    json_file: Annotated[Path | None, typer.Option("--json", help="Where to keep the results.")] = None,
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
    file = json_file or FOLDER / ("results-quick.json" if quick else "results.json")
    reports, failures = _run_all(console, wanted, environment, quick, keep, file)
    console.print()
    for report in reports:
        console.print(table_of(report))
    missed = sum(len(report.missed) for report in reports)
    console.print(f"{missed} of {sum(len(report.lines) for report in reports)} figures miss their target.")
    for failure in failures:
        console.print(failure, style="red", markup=False)
    if missed or failures:
        raise typer.Exit(2 if failures else 1)


def _run_all(
    console: Console, wanted: list[Benchmark], environment: Path, quick: bool, keep: Path | None, file: Path
) -> tuple[list[Report], list[str]]:
    """Run one benchmark after the other; one that cannot be measured does not hinder the others."""
    start = monotonic()
    reports: list[Report] = []
    failures: list[str] = []

    def say(text: str) -> None:
        console.print(f"{monotonic() - start:6.0f} s  {text}", highlight=False, markup=False)

    with ExitStack() as ends:
        rig = Rig(environment, _folder(keep, ends), QUICK if quick else FULL, say, ends)
        for each in wanted:
            say(f"{each.number} {each.title}")
            try:
                reports.append(_run(each, rig))
            except (AppError, AssertionError, OSError) as error:
                failures.append(f"{each.number} {each.name} could not be measured: {error}")
                say(failures[-1])
                continue
            keep_reports(file, reports[-1:], [known.name for known in BENCHMARKS])
    return reports, failures


def _run(benchmark: Benchmark, rig: Rig) -> Report:
    start = monotonic()
    when = now()
    lines = tuple(benchmark.measure(rig))
    return Report(
        name=benchmark.name,
        title=benchmark.title,
        lines=lines,
        when=when,
        seconds=round(monotonic() - start, 1),
        machine=machine(),
        command=_command(),
    )


def _command() -> str:
    arguments = [word for word in sys.argv[1:] if word != "--quick"]
    given = shlex.join(arguments[2:] if arguments[:1] == ["--environment"] else arguments)
    target = "make bench-quick" if "--quick" in sys.argv else "make bench"
    return f"{target} ARGS={shlex.quote(given)}" if given else target


def _folder(keep: Path | None, ends: ExitStack) -> Path:
    """Return the folder of a run: on the disk of the checkout, since a temporary folder may be in memory."""
    if keep is not None:
        keep.mkdir(parents=True, exist_ok=True)
        return keep.resolve()
    passing = Path(tempfile.mkdtemp(prefix=".run-", dir=FOLDER))
    remove: Callable[[], None] = lambda: shutil.rmtree(passing, ignore_errors=True)  # noqa: E731
    ends.callback(remove)
    return passing


if __name__ == "__main__":
    app()
