"""`python -m tests.chaos`: runs the chaos driver, and exits with 1 if it finds a violation."""

import secrets
import signal
import tempfile
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from tests.chaos.figures import show
from tests.chaos.plan import ALL, Plan
from tests.chaos.run import run

EXAMPLES = """
Examples:

[bold]python -m tests.chaos[/bold]  for a minute, with a new seed

[bold]python -m tests.chaos --seconds 600 --seed 7 --json out.json[/bold]  a long run, the choices of an earlier one

[bold]python -m tests.chaos --only kill-database --only hang-broker[/bold]  these disruptions alone

[bold]python -m tests.chaos --keep /tmp/run[/bold]  leaves all data and logs in that folder
"""

app = typer.Typer(rich_markup_mode="rich", add_completion=False)


@app.command(epilog=EXAMPLES)
def main(
    seconds: Annotated[float, typer.Option(min=1, help="How long to load and disrupt.")] = 60,
    seed: Annotated[int | None, typer.Option(help="What all choices come from.")] = None,
    clients: Annotated[int, typer.Option(min=1, help="How many clients there are.")] = 8,
    only: Annotated[list[str] | None, typer.Option(help="A disruption to choose from; may be given again.")] = None,
    bug: Annotated[str | None, typer.Option(help="The planted bug that every process starts with.")] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Where to write the report as JSON.")] = None,
    keep: Annotated[Path | None, typer.Option(help="An empty folder that keeps the data and the logs.")] = None,
) -> None:
    """Load the service with changes, kill and hang everything in it, and prove that no change lost its event.

    The exit code is 1 if any event was lost, invented, duplicated or out of order.
    """
    # SIGTERM raises KeyboardInterrupt, so that the servers are stopped too.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    console = Console()
    chosen = seed if seed is not None else secrets.randbelow(2**31)
    unknown = sorted(set(only or ()) - set(ALL))
    if unknown:
        raise typer.BadParameter(f"There is no {', '.join(unknown)}. There are: {', '.join(ALL)}.")
    console.print(f"seed {chosen}", highlight=False)
    plan = Plan(seconds, chosen, clients=clients, disruptions=tuple(only) if only else ALL, bug=bug)

    def say(text: str) -> None:
        console.print(text, highlight=False, markup=False)

    with tempfile.TemporaryDirectory(prefix="aftercommit-chaos-") as passing:
        if keep is not None:
            keep.mkdir(parents=True, exist_ok=True)
        report = run(plan, keep or Path(passing), say)
    if json_file is not None:
        json_file.write_text(report.to_json())
    show(report, console)
    if not report.clean:
        raise typer.Exit(1)


if __name__ == "__main__":
    app()
