"""Copies of JSON values with a short `repr`.

Every error of `jsonschema` has a message with the `repr` of the checked value, and often of a part of the schema. With
large values, these messages would take most of the time and of the memory of a check. They are never read.
"""

from typing import Any, Final

SHORT_TEXT: Final = 100


class _Object(dict[Any, Any]):
    def __repr__(self) -> str:
        return "{...}"


class _List(list[Any]):
    def __repr__(self) -> str:
        return "[...]"


class _LongText(str):
    __slots__ = ()

    def __repr__(self) -> str:
        return "'...'"


def terse(value: Any) -> Any:
    """Return an equal value of the same types for which `repr` takes no time."""
    if isinstance(value, dict):
        return _Object((terse(key), terse(member)) for key, member in value.items())
    if isinstance(value, list):
        return _List(map(terse, value))
    return _LongText(value) if isinstance(value, str) and len(value) > SHORT_TEXT else value
