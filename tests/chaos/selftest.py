"""`python -m tests.chaos.selftest`: plants one bug after another, and exits with 1 if the driver misses one."""

import json
import secrets
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tests.chaos.selftest_cases import Outcome, attempt, cases, chosen

EXAMPLES = """
Examples:

[bold]python -m tests.chaos.selftest[/bold]  the healthy controls, then every planted bug

[bold]python -m tests.chaos.selftest --only claim-with-skip-locked --verbose[/bold]  one of them, with its findings

[bold]python -m tests.chaos.selftest --seed 7 --json out.json[/bold]  the choices of an earlier run, and a file
"""

app = typer.Typer(rich_markup_mode="rich", add_completion=False)


@app.command(epilog=EXAMPLES)
def main(
    only: Annotated[list[str] | None, typer.Option(help="A bug or a control; may be given again.")] = None,
    seed: Annotated[int | None, typer.Option(help="What all choices come from.")] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Where to write the results as JSON.")] = None,
    verbose: Annotated[bool, typer.Option("--verbose", help="Tell what the driver does and what it found.")] = False,
) -> None:
    """Test the chaos driver: each planted bug must make it fail with the expected category.

    Controls run the healthy product in the same setups; there the driver must find nothing.
    """
    # SIGTERM raises KeyboardInterrupt, so that the servers are stopped too.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    console = Console()
    start = seed if seed is not None else secrets.randbelow(2**31)
    every = cases(start)
    if unknown := sorted(set(only or ()) - {case.name for case in every}):
        names = ", ".join(case.name for case in every)
        raise typer.BadParameter(f"There is no {', '.join(unknown)}. There are: {names}.")
    console.print(f"seed {start}", highlight=False)

    def say(text: str) -> None:
        if verbose:
            console.print(f"  {text}", highlight=False, markup=False)

    outcomes = []
    for case in chosen(every, only or ()):
        outcome = attempt(case, say)
        outcomes.append(outcome)
        console.print(_line(outcome))
        _explain(outcome, console, verbose=verbose)
    if json_file is not None:
        json_file.write_text(json.dumps([_as_json(outcome) for outcome in outcomes], indent=2))
    console.print(_table(outcomes))
    if not all(outcome.is_right for outcome in outcomes):
        raise typer.Exit(1)


def _verdict(outcome: Outcome) -> str:
    if outcome.case.category is None:
        return "clean" if outcome.is_right else "NOT CLEAN"
    return "seen" if outcome.is_right else "NOT SEEN"


def _categories(outcome: Outcome) -> str:
    return ", ".join(f"{category} {count}" for category, count in outcome.seen().items()) or "nothing"


def _line(outcome: Outcome) -> Text:
    style = "green" if outcome.is_right else "red"
    return Text(
        f"{outcome.case.name}: {_verdict(outcome)} ({_categories(outcome)}) {outcome.seconds:.0f} s", style=style
    )


def _explain(outcome: Outcome, console: Console, *, verbose: bool) -> None:
    """Print the run's error, and its findings if `verbose` or if a control is not clean."""
    if outcome.error:
        console.print(Text(f"  the run broke: {outcome.error}", style="red"), soft_wrap=True)
    if outcome.report is not None and (verbose or (outcome.case.category is None and not outcome.is_right)):
        for finding in outcome.report.shown():
            console.print(Text(f"  {finding.category}: {finding.text}"), soft_wrap=True)


def _table(outcomes: Sequence[Outcome]) -> Table:
    table = Table(title="the driver's selftest")
    for column in ("bug", "expected", "seen", "verdict"):
        table.add_column(column, overflow="fold")
    table.add_column("seconds", justify="right")
    for outcome in outcomes:
        style = "green" if outcome.is_right else "red"
        tries = f" ({outcome.tries} runs)" if outcome.tries > 1 else ""
        verdict = Text(_verdict(outcome) + tries, style=style)
        expected = outcome.case.category or "nothing"
        table.add_row(outcome.case.name, expected, _categories(outcome), verdict, f"{outcome.seconds:.0f}")
    table.add_row("all", "", "", "", f"{sum(outcome.seconds for outcome in outcomes):.0f}", style="bold")
    return table


def _as_json(outcome: Outcome) -> dict[str, object]:
    plan = outcome.case.plan
    return {
        "bug": outcome.case.name,
        "expected": outcome.case.category,
        "seen": outcome.seen(),
        "right": outcome.is_right,
        "error": outcome.error,
        "seconds": round(outcome.seconds, 1),
        "runs": outcome.tries,
        "plan": {"seconds": plan.seconds, "seed": plan.seed, "disruptions": plan.disruptions, "sweep": plan.sweep},
    }


if __name__ == "__main__":
    app()
