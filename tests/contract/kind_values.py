"""Two different values for each tracked field of each kind, and the columns that are not tracked."""

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

FLOW: Final = UUID(int=1)
QUEUES: Final = (UUID(int=2), UUID(int=3))
LIMITS: Final = (UUID(int=4), UUID(int=5))
BLOCK_DOCUMENTS: Final = (UUID(int=6), UUID(int=7))
POOL: Final = UUID(int=8)

VALUES: Final[Mapping[str, Mapping[str, tuple[Any, Any]]]] = {
    "flow": {
        "labels": ({"team": "a"}, {"team": "b"}),
        "tags": (["a"], ["a", "b"]),
    },
    "work-pool": {
        "base_job_template": ({"job_configuration": {"a": 1}}, {"job_configuration": {"a": 2}}),
        "concurrency_limit": (1, None),
        "description": ("one", "two"),
        "is_paused": (False, True),
        "status": ("NOT_READY", "READY"),
        "storage_configuration": ({}, {"bundle_upload_step": {"a": 1}}),
    },
    "work-queue": {
        "concurrency_limit": (1, None),
        "description": ("one", "two"),
        "filter": ({"tags": ["a"]}, None),
        "is_paused": (False, True),
        "name": ("q1", "q2"),
        "priority": (1, 2),
        "status": ("NOT_READY", "READY"),
    },
    "concurrency-limit": {
        "active": (True, False),
        "limit": (1, 2),
        "name": ("g1", "g2"),
        "slot_decay_per_second": (0.5, 1.0),
    },
    "deployment": {
        "concurrency_limit": (1, 2),
        "concurrency_limit_id": LIMITS,
        "concurrency_options": ({"collision_strategy": "ENQUEUE"}, {"collision_strategy": "CANCEL_NEW"}),
        "description": ("one", "two"),
        "enforce_parameter_schema": (True, False),
        "entrypoint": ("a.py:f", "b.py:f"),
        "infra_overrides": ({"image": "a"}, {"image": "b"}),
        "infrastructure_document_id": BLOCK_DOCUMENTS,
        "labels": ({"team": "a"}, {"team": "b"}),
        "parameter_openapi_schema": ({"type": "object"}, {"type": "object", "title": "P"}),
        "parameters": ({"n": 1}, {"n": 2}),
        "path": ("/a", "/b"),
        "paused": (False, True),
        "pull_steps": ([{"a": {}}], [{"b": {}}]),
        "schedules": ([{"id": "1", "n": 1}], [{"id": "1", "n": 2}]),
        "status": ("NOT_READY", "READY"),
        "storage_document_id": BLOCK_DOCUMENTS,
        "tags": (["a"], ["a", "b"]),
        "version": ("1", "2"),
        "work_queue_id": QUEUES,
    },
}

CHANGES_WITH: Final[Mapping[tuple[str, str], Mapping[str, Any]]] = {
    ("work-pool", "is_paused"): {"status": "PAUSED"},
    ("work-queue", "is_paused"): {"status": "PAUSED"},
}
"""Other columns that the database requires to change together with a field."""

IDENTITY: Final[Mapping[str, Mapping[str, Any]]] = {
    "flow": {"name": "new"},
    "work-pool": {"name": "new", "type": "process"},
    "work-queue": {"work_pool_id": POOL},
    "concurrency-limit": {},
    "deployment": {"name": "new", "flow_id": FLOW},
}
"""The columns that identify a resource and never change, each with a value."""

BOOKKEEPING: Final = frozenset({"id", "created", "updated", "revision", "event_id"})

UNTRACKED: Final[Mapping[str, frozenset[str]]] = {
    "flow": frozenset(),
    "work-pool": frozenset(),
    "work-queue": frozenset({"is_default", "last_polled"}),
    "concurrency-limit": frozenset({"active_slots", "avg_slot_occupancy_seconds", "denied_slots"}),
    "deployment": frozenset({"last_polled"}),
}
"""Columns that only polls or slots change, or that never change. Deploying does not change them."""
