"""JSON values and their differences as indented lines."""

from typing import Any

import pytest

from app.cli.diff_lines import ABSENT, Line, difference_lines, value_lines
from app.log.state import Reason, Unknown


def diff(before: Any, after: Any) -> list[str]:
    return [line.text() for line in difference_lines("field", before, after)]


def test_two_simple_values_are_shown_on_one_line() -> None:
    assert diff(None, "nightly") == ['~ field: null -> "nightly"']


def test_equal_values_have_no_diff() -> None:
    assert diff({"a": [1], "b": 2}, {"b": 2, "a": [1]}) == []


def test_true_is_not_1() -> None:
    assert diff({"a": 1}, {"a": True}) == ["~ field:", "    ~ a: 1 -> true"]


def test_only_the_differences_of_an_object_are_shown() -> None:
    before = {"image": "a", "env": {"KEEP": "x", "OLD": "1", "N": 1}}
    after = {"image": "a", "env": {"KEEP": "x", "NEW": "2", "N": 2}, "cpu": 4}
    assert diff(before, after) == [
        "~ field:",
        "    + cpu: 4",
        "    ~ env:",
        "        ~ N: 1 -> 2",
        '        + NEW: "2"',
        '        - OLD: "1"',
    ]


def test_an_added_object_is_shown_entry_by_entry() -> None:
    assert diff({}, {"env": {"A": 1, "B": [2]}}) == [
        "~ field:",
        "    + env:",
        "        + A: 1",
        "        + B:",
        "            + [0]: 2",
    ]


def test_added_and_removed_list_entries_are_shown_with_their_index() -> None:
    assert diff(["a", "b", "c"], ["b", "c", "d"]) == ["~ field:", '    - [0]: "a"', '    + [2]: "d"']


def test_a_changed_list_entry_is_compared_field_by_field() -> None:
    before = [{"id": "1", "cron": "0 3 * * *"}, {"id": "2", "active": True}]
    after = [{"id": "1", "cron": "0 4 * * *"}, {"id": "2", "active": True}]
    assert diff(before, after) == ["~ field:", "    ~ [0]:", '        ~ cron: "0 3 * * *" -> "0 4 * * *"']


def test_a_value_that_becomes_an_object_is_removed_and_added() -> None:
    assert diff(None, {"a": 1}) == ["- field: null", "+ field:", "    + a: 1"]


def test_a_multi_line_text_is_compared_line_by_line() -> None:
    assert diff("one\ntwo\nthree", "one\n2\nthree") == ["~ field (by line):", '    ~ [1]: "two" -> "2"']


def test_long_lists_are_shown_whole_instead_of_compared() -> None:
    lines = diff([0] * 2000, [0] * 1999)
    assert (len(lines), lines[1], lines[-1]) == (4000, "    - [0]: 0", "    + [1998]: 0")


def test_masked_and_omitted_values_are_described() -> None:
    before = {"KEY": {"$masked": "e84484e07455"}, "BIG": {"$omitted": "810008"}}
    after = {"KEY": {"$masked": "8d3182c3a0be"}, "BIG": "small"}
    assert diff(before, after) == [
        "~ field:",
        '    ~ BIG: omitted (810008 bytes) -> "small"',
        "    ~ KEY: masked (e84484e07455) -> masked (8d3182c3a0be)",
    ]


def test_an_unknown_value_shows_since_when_and_why() -> None:
    shown = [line.text() for line in value_lines("tags", Unknown(7, Reason.SKIPPED))]
    assert shown == ["  tags: unknown since revision 7: a change was skipped"]


def test_a_value_that_was_absent_is_added() -> None:
    assert diff(ABSENT, 1) == ["+ field: 1"]


def test_keys_and_values_cannot_inject_terminal_codes() -> None:
    (line,) = difference_lines("a\x1b[31m\n", "\x9b", "\u202eb")
    assert line.text() == '~ a\\x1b[31m\\n: "\\x9b" -> "\\u202eb"'


@pytest.mark.parametrize(
    ("width", "text"),
    [
        (None, "~ f: aaaaaaaaaa -> bbbb"),
        (23, "~ f: aaaaaaaaaa -> bbbb"),
        (20, "~ f: aaaaaa… -> bbbb"),
        (16, "~ f: aaa… -> bb…"),
    ],
)
def test_both_values_stay_visible_when_the_line_is_shortened(width: int | None, text: str) -> None:
    assert Line(0, "~", "f", ("aaaaaaaaaa", "bbbb")).text(width) == text
