"""The field diffs of a change: pure functions over two captured states."""

from collections.abc import Mapping
from typing import Any

from app.database import JsonObject


def changed_fields(before: Mapping[str, Any], after: Mapping[str, Any]) -> JsonObject:
    """Return `{field: {"from": value, "to": value}}` for every field that differs, sorted by field.

    `before` with each `to` put in place equals `after`. A field that only one state knows differs from None there.
    """
    return {
        field: {"from": before.get(field), "to": after.get(field)}
        for field in sorted(before.keys() | after.keys())
        if not same_json(before.get(field), after.get(field))
    }


def same_json(left: Any, right: Any) -> bool:
    """Tell whether PostgreSQL takes two JSON values for equal: `1` equals `1.0`, but `true` does not equal `1`.

    Python alone would call `True == 1` the same and hide that change.
    """
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same_json(value, right[key]) for key, value in left.items())
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same_json, left, right))
    return bool(left == right)
