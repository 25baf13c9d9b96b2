"""Bar charts as SVG text, for light and dark pages, without a drawing library."""

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
    """The colours of a chart: background, text, faint lines, and the bars in order."""

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
    """A group of bars: one value for each name in the legend, in the same order."""

    label: str
    values: tuple[float, ...]


def bar_chart(title: str, names: Sequence[str], groups: Sequence[Group], theme: Theme) -> str:
    """Return a chart of horizontal bars that start at zero, each followed by its value. The title names the unit."""
    longest = max((value for group in groups for value in group.values), default=0) or 1.0
    room = WIDTH - LABELS - VALUES
    marks = [_legend(names, theme)]
    y = TOP
    for group in groups:
        middle = y + len(group.values) * BAR / 2 + 4
        marks.append(_text(LABELS - 8, middle, group.label, theme.text, anchor="end"))
        for colour, value in zip(theme.bars, group.values, strict=False):
            marks += _bar(LABELS, y, value / longest * room, colour, number(value), theme)
            y += BAR
        y += GAP
    return _page(title, y, marks, theme)


def target_chart(title: str, reached: Mapping[str, float], theme: Theme) -> str:
    """Return a chart of values relative to their target, which is the line at 1, on a logarithmic scale."""
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
        after_bar = max(zero, end) + 5
        marks.append(_text(after_bar, y + BAR - 3, number(reached[label]), theme.text))
        y += BAR + GAP
    marks.append(f"<line x1='{zero:.1f}' x2='{zero:.1f}' y1='{TOP - 8}' y2='{y}' stroke='{theme.faint}'/>")
    marks.append(_text(zero, TOP - 14, "target", theme.faint, anchor="middle"))
    return _page(title, y, marks, theme)


def throughput_chart(report: Report, theme: Theme) -> str:
    """Return the chart of all figures per second that have a baseline."""
    lines = [line for line in report.lines if line.unit == "1/s" and line.baseline is not None and line.baseline_name]
    names = ["aftercommit", *dict.fromkeys(line.baseline_name or "" for line in lines)]
    shown = [line for line in lines if line.baseline_name == names[1]] if lines else []
    groups = [Group(line.name, (line.measured.median, line.baseline.median)) for line in shown if line.baseline]
    return bar_chart(f"{report.title}: per second", names[:2], groups, theme)


def worst_ratios(reports: Mapping[str, Report]) -> dict[str, float]:
    """Return for each benchmark its worst figure relative to the target; 1 is the target, more is better."""
    ratios = {}
    for name, report in reports.items():
        reached = [line.target.reached(line.judged) for line in report.lines if line.target is not None]
        if reached:
            ratios[name] = min(reached)
    return ratios


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
