"""Puts what was measured into the documents: the table of `docs/benchmarks.md` and the charts beside it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from benches.plot import THEMES, furthest, target_chart, throughput_chart
from benches.report import Report
from benches.table import markdown_of

BEGIN: Final = "<!-- results: written by `make bench` -->"
END: Final = "<!-- end of results -->"
CHARTED: Final = "http"


def write_pages(reports: Mapping[str, Report], document: Path) -> None:
    """Write the results between the two marks of the document, and charts into the folder of its name beside it."""
    folder = document.with_suffix("")
    folder.mkdir(exist_ok=True)
    for theme_name, theme in THEMES.items():
        chart = target_chart("What is furthest from its target (1 is the target)", furthest(reports), theme)
        (folder / f"targets-{theme_name}.svg").write_text(chart)
        if CHARTED in reports:
            (folder / f"{CHARTED}-{theme_name}.svg").write_text(throughput_chart(reports[CHARTED], theme))
    document.write_text(with_results(document.read_text(), reports, folder.name))


def with_results(text: str, reports: Mapping[str, Report], folder: str) -> str:
    """Return the text with the results of these reports between its two marks.

    Raises:
        ValueError: a mark is missing.
    """
    before, begun, rest = text.partition(BEGIN)
    _, ended, after = rest.partition(END)
    if not begun or not ended:
        raise ValueError("The document has no place for results.")
    charts = [_picture(folder, "targets", "How far each benchmark is from its target")]
    if CHARTED in reports:
        charts.append(_picture(folder, CHARTED, "Requests a second, beside Prefect's server"))
    tables = [f"### {report.title}\n\n{markdown_of(report)}" for report in reports.values()]
    return "\n\n".join([before + BEGIN, *charts, *tables, END + after])


def _picture(folder: str, name: str, text: str) -> str:
    dark = f'<source media="(prefers-color-scheme: dark)" srcset="{folder}/{name}-dark.svg">'
    return f'<picture>\n  {dark}\n  <img alt="{text}" src="{folder}/{name}-light.svg">\n</picture>'
