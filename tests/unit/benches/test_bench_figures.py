"""The pure parts of the benchmark: statistics, targets, tables and saved results."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benches.line import Line, Target, at_least, at_most, compared, line
from benches.names import BENCHMARKS, select_benchmarks
from benches.report import Report, keep_reports, read_reports
from benches.spread import Spread, percentile
from benches.table import markdown_of, number

FLOATS = st.lists(st.floats(0, 1e6), min_size=1, max_size=50)


def report(name: str, *lines: Line, command: str = "make bench") -> Report:
    """Return a report of these lines."""
    when = datetime(2026, 11, 25, 18, 30, tzinfo=UTC)
    return Report(
        name=name, title="A title", lines=lines, when=when, seconds=3, machine="a machine, 2 cores", command=command
    )


def test_a_spread_is_the_median_with_the_minimum_and_the_maximum() -> None:
    assert Spread.of([5, 1, 100]) == Spread(median=5, lowest=1, highest=100, rounds=3)


def test_no_measurements_are_an_error() -> None:
    with pytest.raises(ValueError, match="Nothing was measured"):
        Spread.of([])


@pytest.mark.parametrize(("percent", "expected"), [(1, 10), (50, 50), (99, 100), (100, 100), (90, 90), (91, 100)])
def test_a_percentile_is_the_nearest_rank(percent: float, expected: float) -> None:
    assert percentile([100, 10, 20, 30, 40, 50, 60, 70, 80, 90], percent) == expected


@given(FLOATS, st.floats(0.1, 100))
def test_a_percentile_is_a_value_that_this_share_does_not_exceed(values: list[float], percent: float) -> None:
    found = percentile(values, percent)
    assert found in values
    assert sum(value <= found for value in values) * 100 >= percent * len(values) * (1 - 1e-9)


@pytest.mark.parametrize("percent", [0, -1, 101])
def test_a_percentile_above_100_is_an_error(percent: float) -> None:
    with pytest.raises(ValueError, match="percentage"):
        percentile([1.0], percent)


@pytest.mark.parametrize(
    ("given_line", "missed"),
    [
        (line("a", "ms", [20], at_most(20)), False),
        (line("a", "ms", [20.1], at_most(20)), True),
        (line("a", "1/s", [20], at_least(20)), False),
        (line("a", "1/s", [19.9], at_least(20)), True),
        (line("a", "1/s", [0]), False),
        (compared("a", "1/s", [1000], {"b": [100]}, at_least(10)), False),
        (compared("a", "1/s", [999], {"b": [100]}, at_least(10)), True),
        (compared("a", "ms", [10], {"b": [100]}, at_most(0.1)), False),
        (compared("a", "ms", [10.1], {"b": [100]}, at_most(0.1)), True),
        (compared("a", "1/s", [1], {"b": [100]}), False),
    ],
)
def test_a_value_at_the_limit_meets_the_target_and_a_worse_one_misses_it(given_line: Line, missed: bool) -> None:
    assert given_line.is_missed is missed


def test_with_a_comparison_the_target_is_for_the_ratio_of_the_medians() -> None:
    found = compared("a", "1/s", [90, 100, 1000], {"b": [1, 20, 21]})
    assert found.ratio == found.judged == 5
    assert line("a", "1/s", [90, 100, 1000]).judged == 100


@pytest.mark.parametrize(("target", "value"), [(at_least(10), 5), (at_most(10), 20)])
def test_half_of_a_target_is_computed_for_both_directions(target: Target, value: float) -> None:
    assert target.reached(value) == 0.5


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0, "0"), (0.04567, "0.046"), (1.2345, "1.23"), (12.345, "12.3"), (123.45, "123"), (1234567.8, "1,234,568")],
)
def test_a_number_is_shown_with_three_significant_digits(value: float, shown: str) -> None:
    assert number(value) == shown


def test_the_table_shows_measurement_comparison_and_result() -> None:
    met = compared("create", "1/s", [90, 100, 120], {"Prefect": [9]}, at_least(10))
    missed = line("lag", "ms", [30], at_most(20))
    shown = markdown_of(report("http", met, missed, line("seen", "s", [1])))
    assert "| create | 1/s | 100 (90.0-120) | Prefect 9.00 | 11.1 | ≥ 10.0 | met |" in shown
    assert "| lag | ms | 30.0 |  |  | ≤ 20.0 | missed |" in shown
    assert "| seen | s | 1.00 |  |  |  |  |" in shown
    assert shown.endswith("2026-11-25 18:30 UTC, a machine, 2 cores, `make bench`, 3 s.")


def test_a_new_report_replaces_the_older_one_and_keeps_the_others(tmp_path: Path) -> None:
    file = tmp_path / "results.json"
    order = ["http", "drain"]
    keep_reports(file, [report("drain", line("a", "s", [1])), report("gone", line("a", "s", [1]))], ["drain", "gone"])
    keep_reports(file, [report("http", line("b", "s", [2]))], order)
    kept = keep_reports(file, [report("drain", line("c", "s", [3]), command="make bench-quick")], order)
    assert list(kept) == order
    assert kept == read_reports(file)
    assert kept["drain"].command == "make bench-quick"
    assert json.loads(file.read_text())["drain"]["lines"][0]["measured"]["median"] == 3


def test_without_a_file_there_are_no_saved_reports(tmp_path: Path) -> None:
    assert read_reports(tmp_path / "results.json") == {}


def test_a_benchmark_is_chosen_by_name_or_number() -> None:
    assert [each.name for each in select_benchmarks(["s4", "http"], quick=True)] == ["http", "drain"]


def test_the_quick_part_is_what_its_description_says() -> None:
    everyday = ["S1", "S2", "S3", "S4", "S5", "S6", "S12"]
    assert [each.number for each in select_benchmarks([], quick=True)] == everyday
    assert select_benchmarks([], quick=False) == list(BENCHMARKS)


def test_an_unknown_name_is_an_error_that_lists_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"There is no s99\. There are: http, "):
        select_benchmarks(["S99"], quick=False)
