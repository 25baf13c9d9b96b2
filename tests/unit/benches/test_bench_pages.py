"""The charts of the benchmark, and the tables that it writes into the documents."""

import re
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from benches.line import Line, at_least, at_most, compared, line
from benches.pages import BEGIN, END, with_results, write_pages
from benches.plot import THEMES, Group, bar_chart, target_chart, throughput_chart, worst_ratios
from benches.report import Report

SVG = "{http://www.w3.org/2000/svg}"
CREATE = compared("create, 1 client", "1/s", [100], {"Prefect": [20]}, at_least(10))
LATE = line("lag", "ms", [5], at_most(20))


def report(*lines: Line) -> Report:
    """Return a report of these lines."""
    when = datetime(2026, 11, 25, tzinfo=UTC)
    return Report(name="http", title="Over <HTTP>", lines=lines, when=when, seconds=1, machine="here", command="make")


def drawn(svg: str, tag: str) -> list[ET.Element]:
    """Return the elements with this tag, in order; fail when the text is not XML."""
    return list(ET.fromstring(svg).iter(SVG + tag))


def texts(svg: str) -> list[str]:
    """Return the texts in a chart."""
    return [element.text or "" for element in drawn(svg, "text")]


@pytest.mark.parametrize("theme", THEMES)
def test_the_length_of_bars_is_proportional_to_their_values(theme: str) -> None:
    colours = THEMES[theme]
    svg = bar_chart("A & B", ["ours", "theirs"], [Group("create", (40, 10)), Group("delete", (20, 0))], colours)
    bars = [float(rect.get("width", "")) for rect in drawn(svg, "rect")[3:]]
    assert [width / bars[0] for width in bars] == pytest.approx([1, 0.25, 0.5, 0], abs=1e-3)
    assert drawn(svg, "rect")[0].get("fill") == colours.ground
    assert {"A & B", "ours", "theirs", "create", "delete", "40.0", "10.0"} <= set(texts(svg))


def test_a_chart_without_results_is_valid() -> None:
    assert texts(bar_chart("Nothing", [], [], THEMES["light"])) == ["Nothing"]


def test_results_that_meet_their_target_are_right_of_the_line_and_others_left_of_it() -> None:
    svg = target_chart("Targets", {"good": 2.0, "bad": 0.25}, THEMES["light"])
    [target] = [float(drawn_line.get("x1", "")) for drawn_line in drawn(svg, "line")]
    good, bad = drawn(svg, "rect")[1:]
    assert float(good.get("x", "")) == pytest.approx(target, abs=0.1)
    assert float(bad.get("x", "")) + float(bad.get("width", "")) == pytest.approx(target, abs=0.2)
    assert float(bad.get("width", "")) == pytest.approx(2 * float(good.get("width", "")), abs=0.2)
    assert good.get("fill") != bad.get("fill")


def test_the_result_furthest_from_its_target_represents_the_benchmark() -> None:
    reports = {"http": report(CREATE, LATE, line("free", "s", [9])), "none": report(line("free", "s", [9]))}
    assert worst_ratios(reports) == {"http": 0.5}


def test_the_chart_of_throughput_shows_rates_and_no_latencies() -> None:
    latency = compared("create, 1 client, p50", "ms", [1], {"Prefect": [20]}, at_most(0.1))
    shown = texts(throughput_chart(report(CREATE, latency), THEMES["dark"]))
    assert "create, 1 client" in shown
    assert "create, 1 client, p50" not in shown
    assert {"aftercommit", "Prefect", "100", "20.0"} <= set(shown)


def test_new_results_replace_the_older_ones_and_the_rest_of_the_document_stays(tmp_path: Path) -> None:
    document = tmp_path / "benchmarks.md"
    document.write_text(f"# Before\n\n{BEGIN}\n\nold\n\n{END}\n\nafter\n")
    write_pages({"http": report(CREATE)}, document)
    once = document.read_text()
    write_pages({"http": report(CREATE)}, document)
    assert document.read_text() == once
    assert once.startswith(f"# Before\n\n{BEGIN}")
    assert once.endswith(f"{END}\n\nafter\n")
    assert "old" not in once
    assert "| create, 1 client | 1/s | 100 | Prefect 20.0 | 5.00 | ≥ 10.0 | missed |" in once
    for shown in re.findall(r'src(?:set)?="([^"]+)"', once):
        assert drawn((tmp_path / shown).read_text(), "rect"), shown


@pytest.mark.parametrize("text", ["", BEGIN, END, f"{END}{BEGIN}"])
def test_a_document_without_a_place_for_results_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match="no markers"):
        with_results(text, {}, "folder")
