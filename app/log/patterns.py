"""Conditions on a text column: exact values, prefixes, and values with wildcards. User input is always escaped."""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import ARRAY, ColumnElement, Text, and_, any_, false, literal, not_, or_

WILDCARDS = str.maketrans({"*": "%", "?": "_"})
ESCAPES = str.maketrans({"\\": r"\\", "%": r"\%", "_": r"\_"})


def escaped(value: str) -> str:
    """Return the pattern for LIKE that matches this very text."""
    return value.translate(ESCAPES)


def is_one_of(column: ColumnElement[Any], values: Sequence[str]) -> ColumnElement[bool]:
    """Match the column against values, as one parameter however many they are."""
    if len(values) == 1:
        # An equality keeps the order of an index; a list of one does not always.
        return column == values[0]
    return column == any_(literal(list(values), ARRAY(Text)))


def starts_with_one_of(column: ColumnElement[Any], prefixes: Iterable[str]) -> ColumnElement[bool]:
    """Match the column against prefixes. One condition each, because an index serves `LIKE` but not `LIKE ANY`."""
    return or_(*(column.like(f"{escaped(prefix)}%") for prefix in prefixes))


def matches_values(column: ColumnElement[Any], values: Sequence[str]) -> ColumnElement[bool]:
    """Match a label against wanted values: at least one of them, and none of those that begin with `!`.

    `*` stands for any characters and `?` for one. A label that is not there matches nothing, not even a negation;
    no values at all match nothing.
    """
    if not values:
        return false()
    wanted = [value for value in values if not value.startswith("!")]
    unwanted = [value[1:] for value in values if value.startswith("!")]
    # Where there is no label, both conditions are NULL, which is not true.
    conditions = []
    if wanted:
        conditions.append(_matches_one_of(column, wanted))
    if unwanted:
        conditions.append(not_(_matches_one_of(column, unwanted)))
    return and_(*conditions)


def _matches_one_of(column: ColumnElement[Any], values: Iterable[str]) -> ColumnElement[bool]:
    patterns = [escaped(value).translate(WILDCARDS) for value in values]
    return column.like(any_(literal(patterns, ARRAY(Text))))
