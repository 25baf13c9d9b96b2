"""Formats JSON values and their differences as indented lines, at any depth."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any, Final

from app.capture.masking import MASKED
from app.cli.control_characters import escape_control_characters
from app.log.comparison import as_canonical_json
from app.log.state import WHY_UNKNOWN, Unknown, is_omitted

INDENT: Final = "    "
ABSENT: Final = object()
MAX_COMPARED_ENTRIES: Final = 2_000
"""Two lists with more entries in total are shown whole: comparing them would take too long."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a difference.

    `sign` is `+` (added), `-` (removed), `~` (changed) or a space. `values` holds two texts for a changed value.
    """

    depth: int
    sign: str
    label: str
    values: tuple[str, ...] = ()

    def text(self, width: int | None = None) -> str:
        """Return the line; with `width`, shorten the values so that the line fits into that many characters."""
        head = f"{INDENT * self.depth}{self.sign} {escape_control_characters(self.label)}:"
        values = [escape_control_characters(value) for value in self.values]
        if width is not None:
            room = width - len(head) - len(" ->") * (len(values) - 1) - len(values)
            values = _cut(values, max(room, 0))
        return " ".join([head, " -> ".join(values)]) if values else head


def difference_lines(label: str, before: Any, after: Any, depth: int = 0) -> Iterator[Line]:
    """Yield the lines for one value, none if both sides are equal. A missing side is `ABSENT`."""
    if after is ABSENT:
        yield from value_lines(label, before, depth, "-")
    elif before is ABSENT:
        yield from value_lines(label, after, depth, "+")
    elif as_canonical_json(before) == as_canonical_json(after):
        return
    elif _is_object(before) and _is_object(after):
        yield Line(depth, "~", label)
        for key in sorted(before.keys() | after.keys()):
            yield from difference_lines(key, before.get(key, ABSENT), after.get(key, ABSENT), depth + 1)
    elif isinstance(before, list) and isinstance(after, list):
        yield Line(depth, "~", label)
        yield from _list_difference(before, after, depth + 1)
    elif _is_text_of_lines(before, after):
        yield Line(depth, "~", f"{label} (by line)")
        yield from _list_difference(before.split("\n"), after.split("\n"), depth + 1)
    elif _is_nested(before) or _is_nested(after):
        yield from value_lines(label, before, depth, "-")
        yield from value_lines(label, after, depth, "+")
    else:
        yield Line(depth, "~", label, (_value_text(before), _value_text(after)))


def value_lines(label: str, value: Any, depth: int = 0, sign: str = " ") -> Iterator[Line]:
    """Yield the lines for a whole value, with its entries one level deeper."""
    if not _is_nested(value):
        yield Line(depth, sign, label, (_value_text(value),))
        return
    yield Line(depth, sign, label)
    entries = (
        sorted(value.items()) if isinstance(value, dict) else ((f"[{at}]", entry) for at, entry in enumerate(value))
    )
    for key, entry in entries:
        yield from value_lines(key, entry, depth + 1, sign)


def _value_text(value: Any) -> str:
    """Return a value as one line: JSON, or words if it is masked, omitted or unknown."""
    if isinstance(value, Unknown):
        return f"unknown since revision {value.since}: {WHY_UNKNOWN[value.reason]}"
    if is_omitted(value):
        return f"omitted ({value['$omitted']} bytes)"
    if _is_masked(value):
        return f"masked ({value[MASKED]})"
    return json.dumps(value, ensure_ascii=False, default=str)


def _list_difference(before: Sequence[Any], after: Sequence[Any], depth: int) -> Iterator[Line]:
    for tag, old, old_end, new, new_end in _operations(before, after):
        if tag == "replace" and old_end - old == new_end - new:
            for at, other in zip(range(old, old_end), range(new, new_end), strict=True):
                yield from difference_lines(f"[{other}]", before[at], after[other], depth)
        elif tag != "equal":
            for at in range(old, old_end):
                yield from value_lines(f"[{at}]", before[at], depth, "-")
            for at in range(new, new_end):
                yield from value_lines(f"[{at}]", after[at], depth, "+")


def _operations(before: Sequence[Any], after: Sequence[Any]) -> Sequence[tuple[str, int, int, int, int]]:
    if len(before) + len(after) > MAX_COMPARED_ENTRIES:
        return [("all", 0, len(before), 0, len(after))]
    old, new = ([as_canonical_json(entry) for entry in side] for side in (before, after))
    return SequenceMatcher(None, old, new, autojunk=False).get_opcodes()


def _is_object(value: Any) -> bool:
    return isinstance(value, dict) and not _is_masked(value) and not is_omitted(value)


def _is_nested(value: Any) -> bool:
    return bool(value) and (_is_object(value) or isinstance(value, list))


def _is_masked(value: Any) -> bool:
    return isinstance(value, dict) and value.keys() == {MASKED}


def _is_text_of_lines(before: Any, after: Any) -> bool:
    return isinstance(before, str) and isinstance(after, str) and ("\n" in before or "\n" in after)


def _cut(values: list[str], room: int) -> list[str]:
    """Shorten the values to `room` characters in total; space that a short value does not need goes to the other."""
    cut = []
    shortest_first = sorted(range(len(values)), key=lambda at: len(values[at]))
    share = {}
    for remaining, at in zip(range(len(values), 0, -1), shortest_first, strict=True):
        share[at] = min(len(values[at]), room // remaining)
        room -= share[at]
    for at, value in enumerate(values):
        cut.append(value if len(value) <= share[at] else f"{value[: max(share[at] - 1, 0)]}…")
    return cut
