"""Bar charts as SVG, for light and for dark pages. Pure text: nothing is drawn by a library."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from xml.sax.saxutils import escape

from benches.report import Report
from benches.table import number

WIDTH: Final = 760
LABELS: Final = 250
VALUES: Final = 70
BAR: Final = 14
GAP: Final = 10
TOP: Final = 62
FONT: Final = "font-family='system-ui, sans-serif' font-size='12'"


@dataclass(frozen=True)
class Theme:
    """The colours of a page: ground, text, and the bars in their order."""

    ground: str
    text: str
    faint: str
    bars: tuple[str, ...]


THEMES: Final[Mapping[str, Theme]] = {
    "light": Theme("#ffffff", "#1f2328", "#8c959f", ("#0969da", "#bf8700")),
    "dark": Theme("#0d1117", "#e6edf3", "#6e7681", ("#58a6ff", "#d29922")),
}


@dataclass(frozen=True)
class Group:
    """Bars that belong together: one value for each name of the chart, in the chart's order."""

    label: str
    values: tuple[float, ...]


def bar_chart(title: str, names: Sequence[str], groups: Sequence[Group], theme: Theme) -> str:
    """Return a chart of horizontal bars from zero, each with its value behind it; the title says the unit."""
    most = max((value for group in groups for value in group.values), default=0) or 1.0
    room = WIDTH - LABELS - VALUES
    marks = [_legend(names, theme)]
    y = TOP
    for group in groups:
        middle = y + len(group.values) * BAR / 2 + 4
        marks.append(_text(LABELS - 8, middle, group.label, theme.text, anchor="end"))
        for colour, value in zip(theme.bars, group.values, strict=False):
            marks += _bar(LABELS, y, value / most * room, colour, number(value), theme)
            y += BAR
        y += GAP
    return _page(title, y, marks, theme)


def target_chart(title: str, reached: Mapping[str, float], theme: Theme) -> str:
    """Return a chart of how far each is from its target, which is the line at 1, on a logarithmic scale."""
    logs = {label: math.log10(max(value, 1e-3)) for label, value in reached.items()}
    low, high = min([-1.0, *logs.values()]), max([1.0, *logs.values()])
    room = WIDTH - LABELS - VALUES
    zero = LABELS + (0 - low) / (high - low) * room
    y = TOP
    marks = []
    for label, value in logs.items():
        end = LABELS + (value - low) / (high - low) * room
        colour = theme.bars[0] if value >= 0 else theme.bars[1]
        marks.append(_text(LABELS - 8, y + BAR - 3, label, theme.text, anchor="end"))
        marks.append(_rect(min(zero, end), y, abs(end - zero), colour))
        beside = max(zero, end) + 5
        marks.append(_text(beside, y + BAR - 3, number(reached[label]), theme.text))
        y += BAR + GAP
    marks.append(f"<line x1='{zero:.1f}' x2='{zero:.1f}' y1='{TOP - 8}' y2='{y}' stroke='{theme.faint}'/>")
    marks.append(_text(zero, TOP - 14, "target", theme.faint, anchor="middle"))
    return _page(title, y, marks, theme)


def throughput_chart(report: Report, theme: Theme) -> str:
    """Return the chart of what a report measured in things a second beside something else."""
    lines = [line for line in report.lines if line.unit == "1/s" and line.beside is not None and line.beside_name]
    names = ["aftercommit", *dict.fromkeys(line.beside_name or "" for line in lines)]
    shown = [line for line in lines if line.beside_name == names[1]] if lines else []
    groups = [Group(line.what, (line.measured.median, line.beside.median)) for line in shown if line.beside]
    return bar_chart(f"{report.title}: in a second", names[:2], groups, theme)


def furthest(reports: Mapping[str, Report]) -> dict[str, float]:
    """Return for each benchmark how much of its target the figure reaches that is furthest from its own."""
    found = {}
    for name, report in reports.items():
        reached = [line.target.reached(line.judged) for line in report.lines if line.target is not None]
        if reached:
            found[name] = min(reached)
    return found


def _legend(names: Sequence[str], theme: Theme) -> str:
    marks = []
    x = float(LABELS)
    for colour, name in zip(theme.bars, names, strict=False):
        marks += [_rect(x, 36, 10, colour, height=10), _text(x + 15, 45, name, theme.text)]
        x += 40 + 7 * len(name)
    return "".join(marks)


def _bar(x: float, y: float, width: float, colour: str, value: str, theme: Theme) -> list[str]:
    return [_rect(x, y, width, colour), _text(x + width + 5, y + BAR - 3, value, theme.text)]


def _rect(x: float, y: float, width: float, colour: str, height: float = BAR - 2) -> str:
    return f"<rect x='{x:.1f}' y='{y:.1f}' width='{width:.1f}' height='{height:.1f}' fill='{colour}'/>"


def _text(x: float, y: float, text: str, colour: str, anchor: str = "start") -> str:
    return f"<text x='{x:.1f}' y='{y:.1f}' fill='{colour}' text-anchor='{anchor}'>{escape(text)}</text>"


def _page(title: str, height: float, marks: Sequence[str], theme: Theme) -> str:
    heading = f"<text x='16' y='24' fill='{theme.text}' font-weight='bold' font-size='14'>{escape(title)}</text>"
    size = f"width='{WIDTH}' height='{height:.0f}' viewBox='0 0 {WIDTH} {height:.0f}'"
    ground = f"<rect width='{WIDTH}' height='{height:.0f}' fill='{theme.ground}'/>"
    body = "\n".join([ground, heading, *marks])
    return f"<svg xmlns='http://www.w3.org/2000/svg' role='img' {size} {FONT}>\n{body}\n</svg>\n"
