"""Shows JSON values and their differences as indented lines: what was added, taken away and changed, however deep."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any, Final

from app.capture.masking import MASKED
from app.cli.visible import visible
from app.log.state import Reason, Unknown, is_omitted

INDENT: Final = "    "
ABSENT: Final = object()
MOST_COMPARED: Final = 2_000
"""Entries of two lists that are compared with each other; longer ones take too long, and are shown whole."""

REASONS: Final = {
    Reason.SKIPPED: "a change was skipped",
    Reason.OMITTED: "it was too large for its event",
    Reason.MISSING: "the log lacks a change",
    Reason.UNTOLD: "no event names it",
}


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a difference: `sign` is `+`, `-`, `~` for changed or a space; a changed value has two `values`."""

    depth: int
    sign: str
    label: str
    values: tuple[str, ...] = ()

    def text(self, width: int | None = None) -> str:
        """Return the line, its values cut in their middles so that it fits into `width` characters, if given."""
        head = f"{INDENT * self.depth}{self.sign} {visible(self.label)}:"
        values = [visible(value) for value in self.values]
        if width is not None:
            room = width - len(head) - len(" ->") * (len(values) - 1) - len(values)
            values = _cut(values, max(room, 0))
        return " ".join([head, " -> ".join(values)]) if values else head


def difference(label: str, before: Any, after: Any, depth: int = 0) -> Iterator[Line]:
    """Yield the lines for one value: nothing when both are the same, `ABSENT` where there was or is none."""
    if after is ABSENT:
        yield from whole(label, before, depth, "-")
    elif before is ABSENT:
        yield from whole(label, after, depth, "+")
    elif _key(before) == _key(after):
        return
    elif _is_object(before) and _is_object(after):
        yield Line(depth, "~", label)
        for key in sorted(before.keys() | after.keys()):
            yield from difference(key, before.get(key, ABSENT), after.get(key, ABSENT), depth + 1)
    elif isinstance(before, list) and isinstance(after, list):
        yield Line(depth, "~", label)
        yield from _of_lists(before, after, depth + 1)
    elif _is_text_of_lines(before, after):
        yield Line(depth, "~", f"{label} (by line)")
        yield from _of_lists(before.split("\n"), after.split("\n"), depth + 1)
    elif _is_nested(before) or _is_nested(after):
        yield from whole(label, before, depth, "-")
        yield from whole(label, after, depth, "+")
    else:
        yield Line(depth, "~", label, (as_text(before), as_text(after)))


def whole(label: str, value: Any, depth: int = 0, sign: str = " ") -> Iterator[Line]:
    """Yield the lines for a whole value, its entries one level deeper."""
    if not _is_nested(value):
        yield Line(depth, sign, label, (as_text(value),))
        return
    yield Line(depth, sign, label)
    entries = (
        sorted(value.items()) if isinstance(value, dict) else ((f"[{at}]", entry) for at, entry in enumerate(value))
    )
    for key, entry in entries:
        yield from whole(key, entry, depth + 1, sign)


def as_text(value: Any) -> str:
    """Write a value in one line: JSON, or in words when it is masked, omitted or unknown."""
    if isinstance(value, Unknown):
        return f"unknown since revision {value.since}: {REASONS[value.reason]}"
    if is_omitted(value):
        return f"omitted ({value['$omitted']} bytes)"
    if _is_masked(value):
        return f"masked ({value[MASKED]})"
    return json.dumps(value, ensure_ascii=False, default=str)


def _of_lists(before: Sequence[Any], after: Sequence[Any], depth: int) -> Iterator[Line]:
    for tag, old, old_end, new, new_end in _operations(before, after):
        if tag == "replace" and old_end - old == new_end - new:
            for at, other in zip(range(old, old_end), range(new, new_end), strict=True):
                yield from difference(f"[{other}]", before[at], after[other], depth)
        elif tag != "equal":
            for at in range(old, old_end):
                yield from whole(f"[{at}]", before[at], depth, "-")
            for at in range(new, new_end):
                yield from whole(f"[{at}]", after[at], depth, "+")


def _operations(before: Sequence[Any], after: Sequence[Any]) -> Sequence[tuple[str, int, int, int, int]]:
    if len(before) + len(after) > MOST_COMPARED:
        return [("all", 0, len(before), 0, len(after))]
    old, new = ([_key(entry) for entry in side] for side in (before, after))
    return SequenceMatcher(None, old, new, autojunk=False).get_opcodes()


def _key(value: Any) -> str:
    # Python's own comparison takes `true` for 1.
    return json.dumps(value, sort_keys=True, default=repr)


def _is_object(value: Any) -> bool:
    return isinstance(value, dict) and not _is_masked(value) and not is_omitted(value)


def _is_nested(value: Any) -> bool:
    return bool(value) and (_is_object(value) or isinstance(value, list))


def _is_masked(value: Any) -> bool:
    return isinstance(value, dict) and value.keys() == {MASKED}


def _is_text_of_lines(before: Any, after: Any) -> bool:
    return isinstance(before, str) and isinstance(after, str) and ("\n" in before or "\n" in after)


def _cut(values: list[str], room: int) -> list[str]:
    """Cut the values so that together they take `room`: what one does not need the other gets."""
    cut = []
    shortest_first = sorted(range(len(values)), key=lambda at: len(values[at]))
    share = {}
    for left, at in zip(range(len(values), 0, -1), shortest_first, strict=True):
        share[at] = min(len(values[at]), room // left)
        room -= share[at]
    for at, value in enumerate(values):
        cut.append(value if len(value) <= share[at] else f"{value[: max(share[at] - 1, 0)]}…")
    return cut
