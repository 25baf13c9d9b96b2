"""When two values of a field of a source are the same: the rules of `Same`, for JSON values."""

from typing import Any

from app.capture.canonical import canonical_text
from app.capture.kind_classes import Same
from workers.build import same_json


def same(rule: Same, left: Any, right: Any) -> bool:
    """Return whether the two values are the same by this rule."""
    if left is right or same_json(left, right):
        return True
    if not (isinstance(left, list) and isinstance(right, list)):
        return False
    match rule:
        case Same.UNORDERED:
            return {*map(canonical_text, left)} == {*map(canonical_text, right)}
        case Same.SAME_CONTENT:
            return sorted(map(_content, left)) == sorted(map(_content, right))
        case _:
            return False


def _content(entry: Any) -> str:
    return canonical_text({**entry, "id": None} if isinstance(entry, dict) else entry)
