"""Conditions on a text column: exact values, prefixes, and values with wildcards. User input is always escaped."""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import ARRAY, ColumnElement, Text, and_, any_, false, literal, not_, or_

WILDCARDS = str.maketrans({"*": "%", "?": "_"})
ESCAPES = str.maketrans({"\\": r"\\", "%": r"\%", "_": r"\_"})


def escape_like(value: str) -> str:
    """Return the LIKE pattern that matches exactly this text."""
    return value.translate(ESCAPES)


def is_one_of(column: ColumnElement[Any], values: Sequence[str]) -> ColumnElement[bool]:
    """Match the column against values, which are sent as one parameter."""
    if len(values) == 1:
        # With `=`, an index scan returns the rows in the order of the index. With a list of one, it does not always.
        return column == values[0]
    return column == any_(literal(list(values), ARRAY(Text)))


def starts_with_one_of(column: ColumnElement[Any], prefixes: Iterable[str]) -> ColumnElement[bool]:
    """Match the column against prefixes, with one condition each: an index supports `LIKE` but not `LIKE ANY`."""
    return or_(*(column.like(f"{escape_like(prefix)}%") for prefix in prefixes))


def matches_values(column: ColumnElement[Any], values: Sequence[str]) -> ColumnElement[bool]:
    """Match a label that has one of the values and none of those with a leading `!`.

    `*` matches any characters, `?` one. An event without the label never matches, not even with `!` alone. An empty
    list of values matches nothing.
    """
    if not values:
        return false()
    wanted = [value for value in values if not value.startswith("!")]
    unwanted = [value[1:] for value in values if value.startswith("!")]
    # Without the label both conditions are NULL, so the event does not match.
    conditions = []
    if wanted:
        conditions.append(_matches_pattern(column, wanted))
    if unwanted:
        conditions.append(not_(_matches_pattern(column, unwanted)))
    return and_(*conditions)


def _matches_pattern(column: ColumnElement[Any], values: Iterable[str]) -> ColumnElement[bool]:
    patterns = [escape_like(value).translate(WILDCARDS) for value in values]
    return column.like(any_(literal(patterns, ARRAY(Text))))
