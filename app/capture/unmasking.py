"""Finds the secrets behind masks in a current value: a mask that is equal at the same place means an equal secret."""

import json
import re
from typing import Any, Final

from app.capture.masking import MASKED

MASK_IN_TEXT: Final = re.compile(re.escape(MASKED) + "-[0-9a-f]{12}")
ABSENT: Final = object()


def unmask(wanted: Any, current: Any, masked: Any, place: str) -> tuple[Any, list[str]]:
    """Return a value in which each mask is replaced by the secret, and the places of the masks that cannot be replaced.

    Args:
        wanted: a masked value.
        current: a value of the same field that is at hand, with its secrets.
        masked: the mask of `current`.
        place: where the value is, such as `parameters.token`.
    """
    if masked is not ABSENT and _as_json(wanted) == _as_json(masked):
        return current, []
    if _is_mask(wanted):
        return wanted, [place]
    found, places = wanted, []
    if isinstance(wanted, dict):
        found = {}
        for key, entry in wanted.items():
            found[key], missing = unmask(entry, _entry(current, key), _entry(masked, key), f"{place}.{key}")
            places += missing
    elif isinstance(wanted, list):
        found = []
        for at, entry in enumerate(wanted):
            other = _index_of(entry, masked, at)
            value, missing = unmask(entry, _entry(current, other), _entry(masked, other), f"{place}[{at}]")
            found.append(value)
            places += missing
    return found, places


def _is_mask(value: Any) -> bool:
    if isinstance(value, str):
        return MASK_IN_TEXT.search(value) is not None
    return isinstance(value, dict) and value.keys() == {MASKED}


def _entry(value: Any, key: str | int) -> Any:
    if isinstance(value, dict):
        return value.get(key, ABSENT)
    if isinstance(value, list) and isinstance(key, int) and key < len(value):
        return value[key]
    return ABSENT


def _index_of(entry: Any, masked: Any, at: int) -> int:
    """Return the place of an equal entry in the list `masked`, or else the same place."""
    if isinstance(masked, list):
        text = _as_json(entry)
        return next((other for other, known in enumerate(masked) if _as_json(known) == text), at)
    return at


def _as_json(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=str)
