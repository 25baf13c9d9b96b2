"""The model's state of a resource: its tracked fields, their defaults, and when two values are equal."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from app.capture.kinds import KINDS

Key = tuple[str, ...]
"""The kind of a resource and its names, from the outside in: `("deployment", flow, name)`."""

State = Mapping[str, Any]
"""What the model knows of a resource's tracked fields."""

FLOW, POOL, QUEUE = "flow", "work-pool", "work-queue"
LIMIT, DEPLOYMENT = "concurrency-limit", "deployment"

NEW: Mapping[str, State] = {
    FLOW: {"labels": {}, "tags": []},
    POOL: {
        "base_job_template": {},
        "concurrency_limit": None,
        "description": None,
        "is_paused": False,
        "status": "NOT_READY",
        "storage_configuration": {},
    },
    QUEUE: {
        "concurrency_limit": None,
        "description": "",
        "filter": None,
        "is_paused": False,
        "priority": 1,
        "status": "NOT_READY",
    },
    LIMIT: {"active": True, "slot_decay_per_second": 0.0},
    DEPLOYMENT: {
        "description": None,
        "version": None,
        "paused": False,
        "tags": [],
        "parameters": {},
        "schedules": [],
        "status": "NOT_READY",
        "concurrency_limit": None,
        "concurrency_limit_id": None,
        "work_queue_id": None,
    },
}
"""What is not said when something is created; what has no such value is always said."""

OPERATIONS = {"READY": "ready", "NOT_READY": "not-ready", "PAUSED": "paused"}
"""What a change to this status is called."""


def first_status(fields: Mapping[str, Any]) -> str:
    """Return the status of a new pool or queue with these fields."""
    return "PAUSED" if fields.get("is_paused") else "NOT_READY"


def same(name: str, left: Any, right: Any) -> bool:
    """Return whether two values of a field count as equal: tags are a set, and `1` equals `1.0` but not `true`."""
    if name == "tags":
        return set(left) == set(right)
    return bool(plain(left) == plain(right))


def plain(value: Any) -> Any:
    """Normalize a value for `==`: booleans differ from numbers, tuples equal lists, and ids equal their texts."""
    if isinstance(value, bool | UUID):
        return str(value)
    if isinstance(value, Mapping):
        return {key: plain(member) for key, member in value.items()}
    if isinstance(value, list | tuple):
        return [plain(member) for member in value]
    return value


def known_part(kind: str, tracked: Mapping[str, Any]) -> State:
    """Return the part of a resource's tracked fields that the model knows, from an event or a row."""
    if kind != DEPLOYMENT:
        return {name: tracked[name] for name in KINDS[kind].tracked}
    schedules = sorted([entry["slug"], entry["schedule"]["interval"]] for entry in tracked["schedules"])
    return {**{name: tracked[name] for name in (*NEW[DEPLOYMENT], "labels")}, "schedules": schedules}
