"""Checks the messages that a worker receives, before Celery takes them.

Whoever can write to the broker can send any message. Celery trusts its headers: a text in `timelimit` ends the worker,
the broker delivers the message again, and the next worker ends too. Our own messages are of a few simple kinds, so
everything else is set aside.
"""

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from app.broker.contract import DISPATCH, FOLLOW, READINESS, SOURCES, SWEEP, TASK_TIME_LIMIT

TASKS: Final = frozenset({DISPATCH, FOLLOW, READINESS, SOURCES, SWEEP})
BODY_LIMIT: Final = 1024 * 1024
"""In bytes. A doorbell with 500 ids has 20 kB."""
RETRIES_LIMIT: Final = 1000


def problem_with(headers: Any, body: Any, content_type: Any, content_encoding: Any) -> str | None:
    """Return why this is not a message of ours, or None. The text quotes nothing of the message."""
    task = headers.get("task") if isinstance(headers, Mapping) else None
    if not isinstance(task, str) or task not in TASKS:
        return "its task is not one of ours"
    wrong = sorted(name for name, is_valid in HEADERS.items() if not is_valid(headers.get(name)))
    if wrong:
        return f"these headers are not valid: {', '.join(wrong)}"
    if content_type != "application/json" or content_encoding != "utf-8":
        return "it is not JSON"
    return None if _is_body(body) else "its body is not a call of a task"


def _is_text(value: Any) -> bool:
    return value is None or isinstance(value, str)


def _is_time(value: Any) -> bool:
    if value is None:
        return True
    try:
        datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return False
    return True


def _is_nothing(value: Any) -> bool:
    return not value


def _is_our_limit(value: Any) -> bool:
    """Return whether this is `[hard, soft]` as a message of the API (no limits) or of a worker (the usual one)."""
    return value is None or (isinstance(value, list | tuple) and [*value] in ([None, None], [TASK_TIME_LIMIT, None]))


def _is_count(value: Any) -> bool:
    return value is None or (type(value) is int and 0 <= value <= RETRIES_LIMIT)


HEADERS: Final[Mapping[str, Callable[[Any], bool]]] = {
    **dict.fromkeys(
        ("id", "root_id", "parent_id", "origin", "shadow", "lang", "argsrepr", "kwargsrepr", "meth"), _is_text
    ),
    **dict.fromkeys(("eta", "expires"), _is_time),
    **dict.fromkeys(("group", "group_index", "stamped_headers", "stamps", "stamp"), _is_nothing),
    **dict.fromkeys(("retries", "replaced_task_nesting"), _is_count),
    "timelimit": _is_our_limit,
}
"""The headers that Celery reads, and what ours may contain."""


def _is_body(body: Any) -> bool:
    """Return whether the body is `[args, kwargs, embed]`, and starts no other task."""
    if not isinstance(body, str | bytes | memoryview) or len(body) > BODY_LIMIT:
        return False
    try:
        parts = json.loads(bytes(body) if isinstance(body, memoryview) else body)
    except (ValueError, RecursionError):
        return False
    if not isinstance(parts, list) or [type(part) for part in parts] != [list, dict, dict]:
        return False
    return not any(parts[2].values())
