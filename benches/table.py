"""A report as a table: for the terminal, and as Markdown for the documents."""

from rich.table import Table
from rich.text import Text

from benches.line import Line, Target
from benches.report import Report
from benches.spread import Spread

HEADS = ("what", "unit", "measured", "beside", "ratio", "target", "")


def table_of(report: Report) -> Table:
    """Return the table of a report for a terminal."""
    table = Table(title=f"{report.title}\n{caption(report)}", title_justify="left", title_style="")
    for head in HEADS:
        table.add_column(head, justify="left" if head in {"what", "beside", ""} else "right")
    for line in report.lines:
        *cells, verdict = cells_of(line)
        table.add_row(*cells, Text(verdict, style="red" if line.is_missed else "green"))
    return table


def markdown_of(report: Report) -> str:
    """Return the table of a report in Markdown, with the date, the machine and the command under it."""
    rows = [HEADS, ("---",) * len(HEADS), *(cells_of(line) for line in report.lines)]
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    return "\n".join([table, "", *(f"{note}\n" for note in report.notes), caption(report)])


def caption(report: Report) -> str:
    """Return where a report is from."""
    return f"{report.when:%Y-%m-%d %H:%M} UTC, {report.machine}, `{report.command}`, {report.seconds:.0f} s."


def cells_of(line: Line) -> tuple[str, ...]:
    """Return the cells of a line, each as text: medians with their lowest and highest."""
    beside = f"{line.beside_name} {spread_text(line.beside)}" if line.beside is not None else ""
    ratio = number(line.ratio) if line.ratio is not None else ""
    verdict = "" if line.target is None else "missed" if line.is_missed else "met"
    return line.what, line.unit, spread_text(line.measured), beside, ratio, target_text(line.target), verdict


def target_text(target: Target | None) -> str:
    """Return what is asked for, with a sign."""
    return "" if target is None else f"{'≥' if target.sense == 'at least' else '≤'} {number(target.bound)}"


def spread_text(spread: Spread) -> str:
    """Return a median, and its lowest and highest if there was more than one round."""
    middle = number(spread.median)
    return middle if spread.rounds == 1 else f"{middle} ({number(spread.lowest)}-{number(spread.highest)})"


def number(value: float) -> str:
    """Return a number with three significant digits, without an exponent."""
    if value == 0 or abs(value) >= 100:
        return f"{value:,.0f}"
    decimals = 1 if abs(value) >= 10 else 2 if abs(value) >= 1 else 3
    return f"{value:.{decimals}f}"
