"""Checks that texts and JSON values are not too large, and can be stored in PostgreSQL and returned in responses."""

import math
from collections.abc import Iterable
from typing import Any, Final

from app.postgres.base import JsonObject

CONTAINERS: Final = (dict, list)
OBJECT_DEPTH: Final = 100
"""pydantic can serialize up to 255 levels, and every stored value must fit into a response."""
OBJECT_KEYS: Final = 1000
MODEL_KEYS: Final = 100
"""The most keys of an object whose keys are known. Each unknown key would be an error of its own."""
DIGITS_LIMIT: Final = 1024 * 1024
"""Without this limit, PostgreSQL could write the numbers of a body of 4 MB with hundreds of megabytes of digits."""


def without_nul(text: str) -> str:
    """Return the text unchanged.

    Raises:
        ValueError: it contains a NUL character, which PostgreSQL cannot store.
    """
    if "\0" in text:
        raise ValueError("A text must not contain NUL characters.")
    return text


def not_too_deep(value: JsonObject) -> JsonObject:
    """Return the object unchanged.

    Raises:
        ValueError: it has more than `OBJECT_DEPTH` levels.
    """
    level: list[Any] = [value]
    for _ in range(OBJECT_DEPTH):
        level = [child for parent in level for child in _members(parent) if isinstance(child, CONTAINERS)]
        if not level:
            return value
    raise ValueError(f"An object must not have more than {OBJECT_DEPTH} levels of objects and lists.")


def _members(parent: dict[str, Any] | list[Any]) -> Iterable[Any]:
    return parent.values() if isinstance(parent, dict) else parent


def with_few_keys(value: Any, limit: int = OBJECT_KEYS) -> Any:
    """Return the value unchanged.

    Raises:
        ValueError: it is an object with more than `limit` keys.
    """
    if isinstance(value, dict) and len(value) > limit:
        raise ValueError(f"An object must have at most {limit} keys here.")
    return value


def within_digits(value: Any) -> Any:
    """Return the JSON value unchanged, after checking the size of its very large and very small numbers.

    PostgreSQL writes `1e300` with all its zeros: a few bytes become hundreds of bytes whenever the value is read.

    Raises:
        ValueError: the numbers have more than `DIGITS_LIMIT` digits in total.
    """
    digits = 0.0
    # The loop appends to the list that it iterates over.
    items: list[Any] = [value]
    for item in items:
        if isinstance(item, CONTAINERS):
            items += _members(item)
        elif isinstance(item, float):
            digits += _digits(item)
            if digits > DIGITS_LIMIT:
                raise ValueError(f"Numbers must not have more than {DIGITS_LIMIT} digits in total when written out.")
    return value


def _digits(number: float) -> float:
    return abs(math.log10(abs(number))) if number and math.isfinite(number) else 0
