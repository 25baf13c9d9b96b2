"""JSON values and their differences as indented lines."""

from typing import Any

import pytest

from app.cli.diff_lines import ABSENT, Line, difference_lines, value_lines
from app.log.state import Reason, Unknown


def diff(before: Any, after: Any) -> list[str]:
    return [line.text() for line in difference_lines("field", before, after)]


def test_two_simple_values_stand_beside_each_other() -> None:
    assert diff(None, "nightly") == ['~ field: null -> "nightly"']


def test_equal_values_are_no_difference() -> None:
    assert diff({"a": [1], "b": 2}, {"b": 2, "a": [1]}) == []


def test_true_is_not_1() -> None:
    assert diff({"a": 1}, {"a": True}) == ["~ field:", "    ~ a: 1 -> true"]


def test_of_an_object_only_what_differs_is_shown() -> None:
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


def test_of_a_list_what_came_and_went_is_shown_at_its_place() -> None:
    assert diff(["a", "b", "c"], ["b", "c", "d"]) == ["~ field:", '    - [0]: "a"', '    + [2]: "d"']


def test_an_entry_of_a_list_that_changed_is_compared_within() -> None:
    before = [{"id": "1", "cron": "0 3 * * *"}, {"id": "2", "active": True}]
    after = [{"id": "1", "cron": "0 4 * * *"}, {"id": "2", "active": True}]
    assert diff(before, after) == ["~ field:", "    ~ [0]:", '        ~ cron: "0 3 * * *" -> "0 4 * * *"']


def test_a_value_that_becomes_an_object_is_taken_away_and_added() -> None:
    assert diff(None, {"a": 1}) == ["- field: null", "+ field:", "    + a: 1"]


def test_a_text_of_several_lines_is_compared_by_line() -> None:
    assert diff("one\ntwo\nthree", "one\n2\nthree") == ["~ field (by line):", '    ~ [1]: "two" -> "2"']


def test_long_lists_are_shown_whole_instead_of_compared() -> None:
    lines = diff([0] * 2000, [0] * 1999)
    assert (len(lines), lines[1], lines[-1]) == (4000, "    - [0]: 0", "    + [1998]: 0")


def test_masked_and_omitted_values_are_said_in_words() -> None:
    before = {"KEY": {"$masked": "e84484e07455"}, "BIG": {"$omitted": "810008"}}
    after = {"KEY": {"$masked": "8d3182c3a0be"}, "BIG": "small"}
    assert diff(before, after) == [
        "~ field:",
        '    ~ BIG: omitted (810008 bytes) -> "small"',
        "    ~ KEY: masked (e84484e07455) -> masked (8d3182c3a0be)",
    ]


def test_what_is_unknown_says_since_when_and_why() -> None:
    shown = [line.text() for line in value_lines("tags", Unknown(7, Reason.SKIPPED))]
    assert shown == ["  tags: unknown since revision 7: a change was skipped"]


def test_what_was_absent_is_added() -> None:
    assert diff(ABSENT, 1) == ["+ field: 1"]


def test_neither_a_key_nor_a_value_can_steer_the_terminal() -> None:
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
def test_both_values_stay_visible_when_the_line_is_cut(width: int | None, text: str) -> None:
    assert Line(0, "~", "f", ("aaaaaaaaaa", "bbbb")).text(width) == text
