"""Write results into the documentation: the tables of `docs/benchmarks.md` and the charts in `docs/benchmarks/`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from benches.plot import THEMES, target_chart, throughput_chart, worst_ratios
from benches.report import Report
from benches.table import markdown_of

BEGIN: Final = "<!-- results: written by `make bench` -->"
END: Final = "<!-- end of results -->"
CHARTED: Final = "http"


def write_pages(reports: Mapping[str, Report], document: Path) -> None:
    """Write the results between the markers of the document, and the charts into the folder with the same name."""
    folder = document.with_suffix("")
    folder.mkdir(exist_ok=True)
    for theme_name, theme in THEMES.items():
        chart = target_chart("The worst figure of each benchmark, relative to its target", worst_ratios(reports), theme)
        (folder / f"targets-{theme_name}.svg").write_text(chart)
        if CHARTED in reports:
            (folder / f"{CHARTED}-{theme_name}.svg").write_text(throughput_chart(reports[CHARTED], theme))
    document.write_text(with_results(document.read_text(), reports, folder.name))


def with_results(text: str, reports: Mapping[str, Report], folder: str) -> str:
    """Return the text with these reports between its markers.

    Raises:
        ValueError: a marker is missing.
    """
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError("The document has no markers for the results.")
    charts = [_picture(folder, "targets", "The worst figure of each benchmark, relative to its target")]
    if CHARTED in reports:
        charts.append(_picture(folder, CHARTED, "Requests per second, compared with Prefect's server"))
    tables = [f"### {report.title}\n\n{markdown_of(report)}" for report in reports.values()]
    return "\n\n".join([before + BEGIN, *charts, *tables, END + after])


def _picture(folder: str, name: str, text: str) -> str:
    dark = f'<source media="(prefers-color-scheme: dark)" srcset="{folder}/{name}-dark.svg">'
    return f'<picture>\n  {dark}\n  <img alt="{text}" src="{folder}/{name}-light.svg">\n</picture>'
