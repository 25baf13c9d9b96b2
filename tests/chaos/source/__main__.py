"""`python -m tests.chaos.source`: runs the chaos driver with a source, and exits with 1 if it finds a violation."""

import secrets
import signal
import tempfile
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tests.chaos.plan import SOURCE_ALL, SourcePlan
from tests.chaos.report import CATEGORIES, Report
from tests.chaos.source.run import run

EXAMPLES = """
Examples:

[bold]python -m tests.chaos.source[/bold]  for a minute, with a new seed

[bold]python -m tests.chaos.source --seconds 600 --seed 7 --json out.json[/bold]  the choices of an earlier run
"""

app = typer.Typer(rich_markup_mode="rich", add_completion=False)


@app.command(epilog=EXAMPLES)
def main(
    seconds: Annotated[float, typer.Option(min=1, help="How long to load and disrupt.")] = 60,
    seed: Annotated[int | None, typer.Option(help="What all choices come from.")] = None,
    prefect: Annotated[Path, typer.Option(help="The environment of the Prefect server.")] = Path(".prefect/3.8.8"),
    rate: Annotated[float, typer.Option(min=1, help="Transactions a second, at most.")] = 120,
    only: Annotated[list[str] | None, typer.Option(help="A disruption to choose from; may be given again.")] = None,
    bug: Annotated[str | None, typer.Option(help="The planted bug that our processes start with.")] = None,
    keep: Annotated[Path | None, typer.Option(help="An empty folder that keeps the data and the logs.")] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Where to write the report as JSON.")] = None,
) -> None:
    """Change the tables of a Prefect server, kill and hang everything, and prove that no change lost its event.

    The exit code is 1 if any event was lost, invented, duplicated or out of order.
    """
    # SIGTERM raises KeyboardInterrupt, so that the servers are stopped too.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    console = Console()
    chosen = seed if seed is not None else secrets.randbelow(2**31)
    if unknown := sorted(set(only or ()) - set(SOURCE_ALL)):
        raise typer.BadParameter(f"There is no {', '.join(unknown)}. There are: {', '.join(SOURCE_ALL)}.")
    console.print(f"seed {chosen}", highlight=False)
    plan = SourcePlan(
        seconds, chosen, disruptions=tuple(only) if only else SOURCE_ALL, bug=bug, prefect=prefect, rate=rate
    )

    def say(text: str) -> None:
        console.print(text, highlight=False, markup=False)

    with tempfile.TemporaryDirectory(prefix="aftercommit-chaos-") as passing:
        if keep is not None:
            keep.mkdir(parents=True, exist_ok=True)
        report = run(plan, keep or Path(passing), say)
    if json_file is not None:
        json_file.write_text(report.to_json())
    _show(report, console)
    if not report.clean:
        raise typer.Exit(1)


def _show(report: Report, console: Console) -> None:
    table = Table(title="chaos with a source", show_header=False)
    for category in CATEGORIES:
        count = getattr(report, category)
        table.add_row(category, Text(str(count), style="red" if count else "green"), "")
    for name, value in report.figures.items():
        parts = ", ".join(f"{key} {count}" for key, count in value.items()) if isinstance(value, dict) else ""
        total = sum(value.values()) if isinstance(value, dict) else value
        table.add_row(name.replace("_", " "), str(total), parts)
    console.print(table)
    for finding in report.shown():
        # `Text`, so that the evidence in a finding is not read as markup.
        console.print(Text(f"{finding.category}: {finding.text}", style="red"), soft_wrap=True)


if __name__ == "__main__":
    app()
