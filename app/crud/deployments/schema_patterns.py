"""Matches the regular expressions of a JSON Schema with RE2, whose time is linear.

A client's regular expression must not block the process: Python's `re` can take years for `^(a+)+$`, and lets no
other thread run meanwhile. RE2 takes time in proportion to the text. It does not support look-around, back-references
and `\\uXXXX`. Such a pattern is not checked: it allows every text and every key.
"""

import re
from typing import Any, Final

import re2

from app.crud.deployments.check_budget import budget

TEXT_PER_STEP: Final = 1000
"""The product of the lengths of a text and of its pattern that counts as one step."""
CHECKED_PATTERN: Final = 1000
"""The longest text with `format: regex` that is checked. `re` keeps the patterns that it compiled in memory."""


def _options() -> Any:
    options = re2.Options()
    options.log_errors = False  # Otherwise RE2 writes patterns that it cannot compile to stderr.
    options.never_capture = True
    options.max_mem = 1 << 20
    return options


_OPTIONS: Final = _options()


def matches(pattern: str, text: str) -> bool | None:
    """Return whether the pattern matches anywhere in the text, or None if RE2 cannot compile it."""
    budget.get().spend(1 + len(pattern) * (1 + len(text)) // TEXT_PER_STEP)
    try:
        return re2.search(pattern, text, _OPTIONS) is not None
    except re2.error:
        return None


def is_regular_expression(text: str) -> bool:
    """Return whether the text is a regular expression; also True if it is too long to be checked."""
    if len(text) > CHECKED_PATTERN:
        return True
    budget.get().spend(1 + len(text) // 10)
    try:
        re.compile(text)
    except (re.error, OverflowError, RecursionError):
        return False
    return True
