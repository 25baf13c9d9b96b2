"""Writes equal JSON values as equal texts."""

import json
from typing import Any, Final

CANONICAL: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":"))


def canonical_text(value: Any) -> str:
    """Return the text of a JSON value that is the same for all values that PostgreSQL considers equal."""
    return CANONICAL.encode(_canonical(value))


def _canonical(value: Any) -> Any:
    """Write equal JSON numbers equally. For PostgreSQL, `1` equals `1.0`, so their masks must be equal too."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, dict):
        return {key: _canonical(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [_canonical(entry) for entry in value]
    return value
