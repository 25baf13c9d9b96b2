"""Compares two revisions of a resource, without any I/O."""

import json
from collections.abc import Mapping
from typing import Any

from app.log.history import ResourceHistory
from app.log.state import Unknown, untouched


def compare(first: ResourceHistory, second: ResourceHistory) -> Mapping[str, tuple[Any, Any]]:
    """Return the values of each field that differs, or may differ, between the ends of two parts of one history.

    A value that is not known is `Unknown`. A field that no event between the two has changed is left out, even if its
    value is not known.
    """
    earlier, later = sorted((first, second), key=lambda part: len(part.events))
    between = later.events[len(earlier.events) :]
    same = untouched(first.kind, between, earlier.state().revision)
    before, after = first.state().fields, second.state().fields
    return {
        field: (before[field], after[field])
        for field in sorted(before.keys() & after.keys())
        if field not in same and may_differ(before[field], after[field])
    }


def may_differ(before: Any, after: Any) -> bool:
    """Return whether two values are different JSON, or at least one of them is unknown."""
    if isinstance(before, Unknown) or isinstance(after, Unknown):
        return True
    return as_canonical_json(before) != as_canonical_json(after)


def as_canonical_json(value: Any) -> str:
    """Return a text that is the same for equal JSON values. In Python, `True == 1`; in JSON they differ."""
    return json.dumps(value, sort_keys=True, default=str)
