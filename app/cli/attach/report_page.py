"""A report as one HTML page that needs nothing else: no script, no picture, no request."""

import json
from collections.abc import Iterator
from html import escape
from pathlib import Path
from string import Template
from typing import Any, Final

from app.cli.times import format_time
from app.sources.report.result import Counts, Finding, Report

TEMPLATE: Final = Path(__file__).with_name("report_page.html")
SECTIONS: Final = {
    "lost": ("Lost", "Committed, and not told."),
    "invented": ("Invented", "Told, although no such change was committed at that time."),
    "twice": ("Told twice", "A second event for a change that was told already."),
    "wrong": ("Wrong", "Told with other values than those that were committed, or with fields left out."),
}
COLUMNS: Final = ("changes", "told", *SECTIONS)


def render_page(report: Report) -> str:
    """Return the page."""
    percent = 100 * report.told / report.changes if report.changes else 100
    is_good = not report.findings
    result = f"Of {report.changes:,} changes, your server told {report.told:,}."
    return Template(TEMPLATE.read_text(encoding="utf-8")).substitute(
        title=escape(f"What the Prefect server of {report.source} told"),
        result=f'<span class="{"good" if is_good else "bad"}">{result}</span>',
        share=f"{percent:.1f} % of the changes were told",
        percent=f"{percent:.2f}",
        since=format_time(report.since),
        until=format_time(report.until),
        notes=escape(" ".join(_notes(report))),
        counts="\n".join(map(_counts_row, report.counts)),
        findings="\n".join(_sections(report)),
    )


def _notes(report: Report) -> Iterator[str]:
    for problem, (title, _) in SECTIONS.items():
        count = getattr(report, problem)
        if count:
            yield f"{title}: {count:,}."
    if any(not counts.is_known for counts in report.counts):
        yield "* The server has never told such an event."
    if report.not_judged:
        yield f"{report.not_judged:,} events were not judged, because something passed by the triggers."


def _counts_row(counts: Counts) -> str:
    name = escape(counts.event) + ("" if counts.is_known else " *")
    cells = "".join(
        f'<td class="n{" bad" if column in SECTIONS and value else ""}">{value:,}</td>'
        for column in COLUMNS
        if (value := getattr(counts, column)) is not None
    )
    return f"<tr><td><code>{name}</code></td>{cells}</tr>"


def _sections(report: Report) -> Iterator[str]:
    for problem, (title, meaning) in SECTIONS.items():
        found = [finding for finding in report.findings if finding.problem == problem]
        if found:
            rows = "\n".join(map(_finding_row, found))
            yield (
                f'<h2>{title}: {len(found):,}</h2>\n<p class="soft">{meaning}</p>\n<div class="scroll"><table>\n'
                "<thead><tr><th>time</th><th>event and resource</th><th>fields</th><th>ids</th></tr></thead>\n"
                f"<tbody>\n{rows}\n</tbody></table></div>"
            )


def _finding_row(finding: Finding) -> str:
    ids = {
        f"change, event {finding.position} of the log": finding.change,
        "told": finding.told,
        "told before": finding.told_before,
    }
    shown = "<br>".join(f"{escape(what)}: {escape(str(id_))}" for what, id_ in ids.items() if id_ is not None)
    fields = ", ".join(f"<code>{escape(field)}</code>" for field in finding.fields)
    wrong = "".join(
        f"<details><summary><code>{escape(one.field)}</code></summary>"
        f"told<pre>{_value(one.told)}</pre>committed<pre>{_value(one.committed)}</pre></details>"
        for one in finding.wrong
    )
    return (
        f'<tr><td class="time">{format_time(finding.at)}</td>'
        f"<td><code>{escape(finding.event)}</code><br>{escape(finding.name)}<br><code>{escape(finding.resource)}</code></td>"
        f'<td>{wrong or fields}</td><td class="id">{shown}</td></tr>'
    )


def _value(value: Any) -> str:
    return "nothing" if value is None else escape(json.dumps(value, indent=1, ensure_ascii=False, default=str))
