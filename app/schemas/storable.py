"""What PostgreSQL can store and what can be answered again: the checks of texts and of JSON values."""

import math
from collections.abc import Iterable
from typing import Any, Final

from app.postgres.engine import JsonObject

CONTAINERS: Final = (dict, list)
OBJECT_DEPTH: Final = 100
"""pydantic writes up to 255 levels into an answer; what is stored must be answerable."""
DIGITS_LIMIT: Final = 1024 * 1024
"""A body of four megabytes could hold numbers that take hundreds of megabytes where they are written out."""


def without_nul(text: str) -> str:
    """Return the text as it is.

    Raises:
        ValueError: it holds a NUL character, which PostgreSQL has not.
    """
    if "\0" in text:
        raise ValueError("A text must not hold NUL characters.")
    return text


def not_too_deep(value: JsonObject) -> JsonObject:
    """Return the object as it is.

    Raises:
        ValueError: it has more than `OBJECT_DEPTH` levels.
    """
    level: list[Any] = [value]
    for _ in range(OBJECT_DEPTH):
        level = [child for parent in level for child in _members(parent) if isinstance(child, CONTAINERS)]
        if not level:
            return value
    raise ValueError(f"An object must not hold more than {OBJECT_DEPTH} levels of objects and lists.")


def _members(parent: dict[str, Any] | list[Any]) -> Iterable[Any]:
    return parent.values() if isinstance(parent, dict) else parent


def within_digits(value: Any) -> Any:
    """Return the JSON value as it is, unless its very large and very small numbers take too much to write out.

    PostgreSQL writes `1e300` with all its zeros, so a few bytes become hundreds of them wherever the value is read.

    Raises:
        ValueError: they take more than `DIGITS_LIMIT` digits in all.
    """
    digits = 0.0
    # It grows while it is gone through.
    found: list[Any] = [value]
    for each in found:
        if isinstance(each, CONTAINERS):
            found += _members(each)
        elif isinstance(each, float):
            digits += _digits(each)
            if digits > DIGITS_LIMIT:
                raise ValueError(f"Large and small numbers must not take more than {DIGITS_LIMIT} digits in all.")
    return value


def _digits(number: float) -> float:
    return abs(math.log10(abs(number))) if number and math.isfinite(number) else 0
