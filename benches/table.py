"""Reports as tables, for the terminal and in Markdown."""

from rich.table import Table
from rich.text import Text

from benches.line import Line, Target
from benches.report import Report
from benches.spread import Spread

HEADS = ("figure", "unit", "measured", "compared with", "ratio", "target", "verdict")
LEFT = frozenset({"figure", "compared with", "verdict"})


def table_of(report: Report) -> Table:
    """Return the table of a report for the terminal."""
    table = Table(title=f"{report.title}\n{caption(report)}", title_justify="left", title_style="")
    for head in HEADS:
        table.add_column(head, justify="left" if head in LEFT else "right")
    for line in report.lines:
        *cells, verdict = cells_of(line)
        table.add_row(*cells, Text(verdict, style="red" if line.is_missed else "green"))
    return table


def markdown_of(report: Report) -> str:
    """Return the table of a report in Markdown, followed by its date, machine and command."""
    rows = [HEADS, ("---",) * len(HEADS), *(cells_of(line) for line in report.lines)]
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    return "\n".join([table, "", *(f"{note}\n" for note in report.notes), caption(report)])


def caption(report: Report) -> str:
    """Return the date, machine, command and duration of a report."""
    return f"{report.when:%Y-%m-%d %H:%M} UTC, {report.machine}, `{report.command}`, {report.seconds:.0f} s."


def cells_of(line: Line) -> tuple[str, ...]:
    """Return the cells of a line as text."""
    baseline = f"{line.baseline_name} {spread_text(line.baseline)}" if line.baseline is not None else ""
    ratio = number(line.ratio) if line.ratio is not None else ""
    verdict = "" if line.target is None else "missed" if line.is_missed else "met"
    return line.name, line.unit, spread_text(line.measured), baseline, ratio, target_text(line.target), verdict


def target_text(target: Target | None) -> str:
    """Return a target as text, such as `≥ 10.0`."""
    return "" if target is None else f"{'≥' if target.sense == 'at least' else '≤'} {number(target.bound)}"


def spread_text(spread: Spread) -> str:
    """Return the median; with more than one round, also the lowest and highest value."""
    middle = number(spread.median)
    return middle if spread.rounds == 1 else f"{middle} ({number(spread.lowest)}-{number(spread.highest)})"


def number(value: float) -> str:
    """Return a number with three significant digits, without an exponent."""
    if value == 0 or abs(value) >= 100:
        return f"{value:,.0f}"
    decimals = 1 if abs(value) >= 10 else 2 if abs(value) >= 1 else 3
    return f"{value:.{decimals}f}"
