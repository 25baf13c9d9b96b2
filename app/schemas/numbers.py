"""The whole numbers in requests."""

from typing import Any, Final

from pydantic import BeforeValidator


def _is_number(value: Any) -> Any:
    # pydantic would take true for 1, and "1" too. JSON has one kind of number, so 1.0 is a whole number.
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("Must be a whole number.")
    return value


WHOLE: Final = BeforeValidator(_is_number)
"""Added to an `int`, it takes numbers only. It comes last: pydantic shows the bounds before it in the JSON Schema."""
