"""Examples of the bodies of requests, for the OpenAPI document. Each is accepted as it is, if the ids in it exist."""

from typing import Any, Final

from pydantic import ConfigDict

FLOW_ID: Final = "0197a0de-0000-7000-8000-00000000f10a"
DEPLOYMENT_ID: Final = "0197a0de-0000-7000-8000-00000000de91"

CRON: Final = {"cron": "0 3 * * *", "timezone": "Europe/Berlin"}
SCHEDULE: Final = {"schedule": CRON, "active": True, "slug": "every-night"}
DEPLOYMENT: Final = {
    "name": "nightly",
    "flow_id": FLOW_ID,
    "entrypoint": "flows.py:etl",
    "work_pool_name": "servers",
    "parameters": {"day": "today"},
    "schedules": [SCHEDULE],
    "tags": ["sales"],
}
FLOW: Final = {"name": "etl", "tags": ["sales"], "labels": {"team": "data"}}
WORK_POOL: Final = {"name": "servers", "type": "process", "description": "The servers in the cellar."}
WORK_QUEUE: Final = {"name": "urgent", "priority": 1, "concurrency_limit": 5}
CONCURRENCY_LIMIT: Final = {"name": "database", "limit": 10}
TAG_LIMIT: Final = {"tag": "database", "concurrency_limit": 10}
HEARTBEAT: Final = {"name": "worker 1", "heartbeat_interval_seconds": 30}
DEPLOYMENT_CHANGES: Final = {"paused": True, "tags": ["sales", "old"]}
SCHEDULE_CHANGES: Final = {"active": False}
FLOW_CHANGES: Final = {"tags": ["sales", "weekly"]}
WORK_POOL_CHANGES: Final = {"is_paused": True}
WORK_QUEUE_CHANGES: Final = {"priority": 2, "concurrency_limit": None}
CONCURRENCY_LIMIT_CHANGES: Final = {"limit": 20}
TAG_LIMIT_RESET: Final[dict[str, Any]] = {"slot_override": []}
POOL_POLL: Final = {"work_queue_names": ["urgent"], "scheduled_before": "2026-01-31T12:00:00Z"}
DEPLOYMENT_POLL: Final = {"deployment_ids": [DEPLOYMENT_ID]}
PAGING: Final = {"limit": 10, "offset": 20}
PAGE: Final = {"limit": 10, "page": 3}
DEPLOYMENT_SELECTION: Final = {"deployments": {"tags": {"all_": ["sales"]}, "paused": {"eq_": False}}}
DEPLOYMENTS: Final = {**DEPLOYMENT_SELECTION, "limit": 10}
DEPLOYMENT_PAGE: Final = {**DEPLOYMENT_SELECTION, **PAGE}
FLOW_SELECTION: Final = {"flows": {"name": {"like_": "etl"}}}
FLOWS: Final = {**FLOW_SELECTION, "limit": 10}
FLOW_PAGE: Final = {**FLOW_SELECTION, **PAGE}
WORK_POOL_SELECTION: Final = {"work_pools": {"type": {"any_": ["process"]}}}
WORK_POOLS: Final = {**WORK_POOL_SELECTION, **PAGING}
WORK_QUEUES: Final = {"work_queues": {"name": {"startswith_": ["urgent"]}}, **PAGING}
WORKERS: Final = {"workers": {"status": {"any_": ["ONLINE"]}}, **PAGING}
EVENT_FILTER: Final = {
    "occurred": {"since": "2026-01-01T00:00:00Z"},
    "event": {"prefix": ["prefect.deployment."]},
    "order": "ASC",
}
EVENTS: Final = {"filter": EVENT_FILTER, "limit": 10}
EVENT_COUNTS: Final = {"filter": EVENT_FILTER, "time_unit": "hour", "time_interval": 1.0}
SOURCE: Final = {"name": "prod", "url": "postgresql://reader:secret@127.0.0.1:1/prefect", "profile": "prefect"}
SOURCE_RESUMPTION: Final = {"url": "postgresql://reader:secret@127.0.0.1:1/prefect"}
FLOW_IDS: Final = {"flow_ids": [FLOW_ID]}
FLOW_RUN_IDS: Final[dict[str, Any]] = {"flow_run_ids": []}
VALUES_TO_CHECK: Final = {"schema": {"type": "object"}, "values": {"day": "today"}}
CLIENT_EVENT: Final = {
    "id": "0197a0de-0000-7000-8000-00000000e7e4",
    "occurred": "2026-01-31T12:00:00Z",
    "event": "orders.imported",
    "resource": {"prefect.resource.id": "orders.2026-01-31"},
    "payload": {"orders": 1200},
}


def example(body: dict[str, Any]) -> ConfigDict:
    """Return the configuration of a model whose example is this body."""
    return ConfigDict(json_schema_extra={"examples": [body]})
