"""The field diffs of a change: pure functions over two captured states."""

from collections.abc import Iterable, Mapping
from typing import Any

from app.postgres.engine import JsonObject


def changed_fields(before: Mapping[str, Any], after: Mapping[str, Any]) -> JsonObject:
    """Return `{field: {"from": value, "to": value}}` for every field that differs, sorted by field.

    `before` with each `to` put in place equals `after`. A field that only one state knows differs from None there.
    """
    both = ((field, before.get(field), after.get(field)) for field in before.keys() | after.keys())
    # Most fields are the very same None, True or False on both sides.
    changed = {
        field: {"from": old, "to": new} for field, old, new in both if old is not new and not same_json(old, new)
    }
    return dict(sorted(changed.items()))


def same_json(left: Any, right: Any) -> bool:
    """Tell whether PostgreSQL takes two JSON values for equal: `1` equals `1.0`, but `true` does not equal `1`.

    Python alone would call `True == 1` the same and hide that change.
    """
    return left is right or (bool(left == right) and _same_kinds(left, right))


def _same_kinds(left: Any, right: Any) -> bool:
    """Tell whether two values that Python takes for equal have their booleans in the same places."""
    if isinstance(left, dict):
        return _all_same_kinds(left.values(), map(right.get, left))
    if isinstance(left, list):
        return _all_same_kinds(left, right)
    return isinstance(left, bool) == isinstance(right, bool)


def _all_same_kinds(lefts: Iterable[Any], rights: Iterable[Any]) -> bool:
    # Most leaves are one object on both sides, since who reads JSON makes short texts and small numbers once.
    for left, right in zip(lefts, rights, strict=True):
        if left is not right and not _same_kinds(left, right):
            return False
    return True
