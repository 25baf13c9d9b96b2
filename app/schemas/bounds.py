"""Bounds on lists, objects and lists of errors, so that no request takes work without a limit."""

from collections.abc import Sequence
from typing import Annotated, Any, Final, TypeVar

from pydantic import Field, ValidationError

LIST_ENTRIES: Final = 1000
LISTED_ERRORS: Final = 20
PLACE_LENGTH: Final = 100
MESSAGE_LENGTH: Final = 500

Entry = TypeVar("Entry")
BoundedList = Annotated[list[Entry], Field(max_length=LIST_ENTRIES, fail_fast=True)]
"""A list of at most 1,000 entries. Its validation stops at the first invalid entry."""


def list_errors(errors: Sequence[Any]) -> list[dict[str, Any]]:
    """Return type, place and message of the first of these errors of pydantic, and how many more there are.

    Values are left out, because they may be secrets. Keys and messages are shortened, because a key may be as long as
    the body.
    """
    listed = [
        {
            "type": error["type"],
            "loc": [part if isinstance(part, int) else shortened(part, PLACE_LENGTH) for part in error["loc"]],
            "msg": shortened(error["msg"], MESSAGE_LENGTH),
        }
        for error in errors[:LISTED_ERRORS]
    ]
    if len(errors) > LISTED_ERRORS:
        text = f"{len(errors) - LISTED_ERRORS} more errors are not listed."
        listed.append({"type": "too_many_errors", "loc": ["body"], "msg": text})
    return listed


def describe_errors(error: ValidationError) -> str:
    """Return the first errors in one line."""
    listed = list_errors(error.errors(include_url=False, include_context=False, include_input=False))
    return "; ".join(f"{'.'.join(map(str, entry['loc']))}: {entry['msg']}" for entry in listed)


def shortened(value: Any, length: int) -> str:
    """Return the value as text of at most `length` characters, three dots, and none that UTF-8 cannot encode."""
    whole = str(value)
    return (whole if len(whole) <= length else f"{whole[:length]}...").encode("utf-8", "replace").decode()
