"""A request for every route that changes something, on resources of its own."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import httpx2

from app.models.api_key import Role
from app.web.roles import WEBSOCKET, needed_role
from tests.routes import routes


@dataclass(frozen=True)
class Resources:
    """One resource of each kind, connected with each other. All names end with `suffix`."""

    suffix: str
    flow: str
    deployment: str
    schedule: str
    pool: str
    queue: str
    limit: str
    tag_limit: str
    idle_pool: str
    """A pool without a worker."""
    paused: str
    """A paused deployment without a pool."""


def make_resources(client: httpx2.Client, suffix: str) -> Resources:
    """Create them through the API: the deployment has a schedule, and takes its runs from a queue of the pool."""

    def post(path: str, body: Mapping[str, Any]) -> Any:
        response = client.post(path, json=body)
        response.raise_for_status()
        return response.json()

    pool, queue = f"pool-{suffix}", f"queue-{suffix}"
    flow = post("/flows/", {"name": f"flow-{suffix}"})["id"]
    post("/work_pools/", {"name": pool, "type": "process"})
    queue_id = post(f"/work_pools/{pool}/queues", {"name": queue})["id"]
    limit = post("/v2/concurrency_limits/", {"name": f"limit-{suffix}", "limit": 3})["id"]
    tag_limit = post("/concurrency_limits/", {"tag": f"tag-{suffix}", "concurrency_limit": 3})["id"]
    body = {
        "name": f"deployment-{suffix}",
        "flow_id": flow,
        "work_pool_name": pool,
        "work_queue_name": queue,
        "schedules": [{"schedule": {"interval": 3600}, "active": True}],
    }
    deployment = post("/deployments/", body)
    client.post(f"/work_pools/{pool}/workers/heartbeat", json={"name": "worker"}).raise_for_status()
    idle_pool = post("/work_pools/", {"name": f"idle-{suffix}", "type": "process"})["name"]
    paused = post("/deployments/", {"name": f"paused-{suffix}", "flow_id": flow, "paused": True})["id"]
    schedule = deployment["schedules"][0]["id"]
    return Resources(suffix, flow, deployment["id"], schedule, pool, queue_id, limit, tag_limit, idle_pool, paused)


Request = tuple[str, Any]
"""Path and JSON body; None stands for no body."""
DEPLOYMENT: Final = "/api/deployments/{deployment_id:uuid}"
REQUESTS: Final[Mapping[str, Callable[[Resources], Request]]] = {
    "POST /api/concurrency_limits/": lambda on: (
        "/concurrency_limits/",
        {"tag": f"another-{on.suffix}", "concurrency_limit": 1},
    ),
    "DELETE /api/concurrency_limits/tag/{tag}": lambda on: (f"/concurrency_limits/tag/tag-{on.suffix}", None),
    "DELETE /api/concurrency_limits/{limit_id:uuid}": lambda on: (f"/concurrency_limits/{on.tag_limit}", None),
    "POST /api/deployments/": lambda on: ("/deployments/", {"name": f"another-{on.suffix}", "flow_id": on.flow}),
    "POST /api/deployments/bulk_delete": lambda on: (
        "/deployments/bulk_delete",
        {"deployments": {"id": {"any_": [on.deployment]}}},
    ),
    f"DELETE {DEPLOYMENT}": lambda on: (f"/deployments/{on.deployment}", None),
    f"PATCH {DEPLOYMENT}": lambda on: (f"/deployments/{on.deployment}", {"description": "another"}),
    f"POST {DEPLOYMENT}/pause_deployment": lambda on: (f"/deployments/{on.deployment}/pause_deployment", None),
    f"POST {DEPLOYMENT}/schedules": lambda on: (
        f"/deployments/{on.deployment}/schedules",
        [{"schedule": {"interval": 60}, "active": True}],
    ),
    f"DELETE {DEPLOYMENT}/schedules/{{schedule_id:uuid}}": lambda on: (
        f"/deployments/{on.deployment}/schedules/{on.schedule}",
        None,
    ),
    f"PATCH {DEPLOYMENT}/schedules/{{schedule_id:uuid}}": lambda on: (
        f"/deployments/{on.deployment}/schedules/{on.schedule}",
        {"active": False},
    ),
    f"POST {DEPLOYMENT}/resume_deployment": lambda on: (f"/deployments/{on.paused}/resume_deployment", None),
    "POST /api/deployments/get_scheduled_flow_runs": lambda on: (
        "/deployments/get_scheduled_flow_runs",
        {"deployment_ids": [on.deployment]},
    ),
    "POST /api/flows/": lambda on: ("/flows/", {"name": f"another-{on.suffix}"}),
    "POST /api/flows/bulk_delete": lambda on: ("/flows/bulk_delete", {"flows": {"id": {"any_": [on.flow]}}}),
    "DELETE /api/flows/{flow_id:uuid}": lambda on: (f"/flows/{on.flow}", None),
    "PATCH /api/flows/{flow_id:uuid}": lambda on: (f"/flows/{on.flow}", {"tags": ["another"]}),
    "POST /api/v2/concurrency_limits/": lambda on: (
        "/v2/concurrency_limits/",
        {"name": f"another-{on.suffix}", "limit": 1},
    ),
    "DELETE /api/v2/concurrency_limits/{id_or_name}": lambda on: (f"/v2/concurrency_limits/{on.limit}", None),
    "PATCH /api/v2/concurrency_limits/{id_or_name}": lambda on: (f"/v2/concurrency_limits/{on.limit}", {"limit": 7}),
    "POST /api/work_pools/": lambda on: ("/work_pools/", {"name": f"another-{on.suffix}", "type": "process"}),
    "DELETE /api/work_pools/{name}": lambda on: (f"/work_pools/{on.pool}", None),
    "PATCH /api/work_pools/{name}": lambda on: (f"/work_pools/{on.pool}", {"is_paused": True}),
    "POST /api/work_pools/{name}/get_scheduled_flow_runs": lambda on: (
        f"/work_pools/{on.pool}/get_scheduled_flow_runs",
        {},
    ),
    "POST /api/work_pools/{name}/workers/heartbeat": lambda on: (
        f"/work_pools/{on.idle_pool}/workers/heartbeat",
        {"name": "worker"},
    ),
    "POST /api/work_pools/{pool}/queues": lambda on: (f"/work_pools/{on.pool}/queues", {"name": "another"}),
    "DELETE /api/work_pools/{pool}/queues/{name}": lambda on: (
        f"/work_pools/{on.pool}/queues/queue-{on.suffix}",
        None,
    ),
    "PATCH /api/work_pools/{pool}/queues/{name}": lambda on: (
        f"/work_pools/{on.pool}/queues/queue-{on.suffix}",
        {"concurrency_limit": 7},
    ),
    "POST /api/work_queues/": lambda on: ("/work_queues/", {"name": f"another-{on.suffix}"}),
    "DELETE /api/work_queues/{queue_id:uuid}": lambda on: (f"/work_queues/{on.queue}", None),
    "PATCH /api/work_queues/{queue_id:uuid}": lambda on: (f"/work_queues/{on.queue}", {"is_paused": True}),
}

NO_SLOT_EVENTS: Final = "slots that are taken and given back change no field that is tracked"
WITHOUT_EVENT: Final[Mapping[str, str]] = {
    "DELETE /api/admin/storage": "stores nothing",
    "PUT /api/admin/storage": "stores nothing",
    "DELETE /api/automations/owned-by/{resource_id}": "there are no automations",
    "DELETE /api/work_pools/{name}/workers/{worker}": "workers are not tracked",
    f"POST {DEPLOYMENT}/branch": "there are no versions",
    f"POST {DEPLOYMENT}/create_flow_run": "there are no runs",
    "POST /api/events": "the event is the client's own",
    **{
        f"{method} /api/sources/{path}": "its event is an act of the service, and it needs a database of another one"
        for method, path in (
            ("POST", ""),
            ("POST", "{source}/pause"),
            ("POST", "{source}/resume"),
            ("POST", "{source}/verify"),
            ("DELETE", "{source}"),
        )
    },
    "POST /api/work_queues/{queue_id:uuid}/get_runs": "a poll of an agent changes nothing here",
    "POST /api/concurrency_limits/tag/{tag}/reset": NO_SLOT_EVENTS,
    **{
        f"POST /api/{version}concurrency_limits/{action}": NO_SLOT_EVENTS
        for version in ("", "v2/")
        for action in (
            "increment",
            "increment-with-lease",
            "decrement",
            "decrement-with-lease",
            "leases/{lease_id}/renew",
        )
    },
    **{
        f"{method} /api/{{kind:unsupported}}/{path}": "refused"
        for method, path in (
            ("POST", ""),
            ("POST", "{rest:path}"),
            ("PUT", "{rest:path}"),
            ("PATCH", "{rest:path}"),
            ("DELETE", "{rest:path}"),
        )
    },
}
"""The other routes that need more than the role `read`, and why they make no event of a tracked resource."""


def routes_that_may_change_something() -> set[str]:
    """Return method and path of each route that needs the role `write` or `admin`."""
    return {
        f"{method} {path}"
        for method, path in routes()
        if method != WEBSOCKET and needed_role(method, path) is not Role.READ
    }
