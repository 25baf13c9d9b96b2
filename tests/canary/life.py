"""Creates, changes and deletes resources of every kind over HTTP, with secrets in every field that can hold one."""

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

import httpx2

from tests.canary.secrets import Canaries, Plant
from tests.integration.client_event import a_client_event
from tests.sockets import connected, send

Response = httpx2.Response


class Lives:
    """Creates, changes, upserts and deletes one resource of each kind after the other, and polls as workers do."""

    def __init__(self, client: httpx2.Client, canaries: Canaries) -> None:
        """Take the API client and the source of secrets."""
        self._client = client
        self._canaries = canaries

    def live(self) -> None:
        """Run all lives; the database may contain earlier ones."""
        run = uuid4().hex[:8]
        flow, pool = f"flow-{run}", f"pool-{run}"
        flow_id = self._flow(flow)
        queue = self._pool(pool)
        self._deployment(flow_id, pool, queue)
        self._limits(run)
        self._workers(pool, flow_id)
        self._client_events()
        self._send("DELETE", f"/work_pools/{pool}", 204)
        self._send("DELETE", f"/flows/{flow_id}", 204)

    def _send(self, method: str, path: str, status: int, body: Any = None) -> Any:
        said = ("X-Aftercommit-Reason", "X-Aftercommit-Change", "User-Agent")
        headers = {name: self._canaries.url(f"{name} of {method} {path}") for name in said}
        response = self._client.request(method, path, json=body, headers=headers)
        assert response.status_code == status, f"{method} {path}: {response.status_code} {response.text}"
        return response.json() if response.content else None

    def _fill(self, what: str, fields: Mapping[str, Plant]) -> dict[str, Any]:
        return {field: plant(f"{what}.{field}") for field, plant in fields.items()}

    def _flow(self, name: str) -> str:
        canaries = self._canaries
        labels: Plant = lambda where: {"api_token": canaries.secret(where), "repository": canaries.url(where)}  # noqa: E731
        fields: dict[str, Plant] = {"tags": self._tags, "labels": labels}
        flow = self._send("POST", "/flows/", 201, {"name": name, **self._fill("flow created", fields)})
        self._send("POST", "/flows/", 200, {"name": name, **self._fill("flow created again", fields)})
        self._send("PATCH", f"/flows/{flow['id']}", 204, self._fill("flow patched", {"tags": self._tags}))
        return str(flow["id"])

    def _pool(self, name: str) -> str:
        canaries = self._canaries
        fields: dict[str, Plant] = {
            "description": canaries.url,
            "base_job_template": canaries.template,
            "storage_configuration": canaries.storage,
        }
        self._send("POST", "/work_pools/", 201, {"name": name, "type": "process", **self._fill("pool created", fields)})
        self._send("PATCH", f"/work_pools/{name}", 204, self._fill("pool patched", fields))
        queue_fields: dict[str, Plant] = {"description": canaries.url, "filter": canaries.values}
        queues = f"/work_pools/{name}/queues"
        self._send("POST", queues, 201, {"name": "q", **self._fill("queue created", queue_fields)})
        self._send("PATCH", f"{queues}/q", 204, self._fill("queue patched", queue_fields))
        gone = self._send(
            "POST", "/work_queues/", 201, {"name": name, **self._fill("queue without pool", queue_fields)}
        )
        self._send("PATCH", f"/work_queues/{gone['id']}", 204, self._fill("queue patched by id", queue_fields))
        self._send("DELETE", f"/work_queues/{gone['id']}", 204)
        return "q"

    def _deployment(self, flow_id: str, pool: str, queue: str) -> None:
        canaries = self._canaries
        fields: dict[str, Plant] = {
            "description": canaries.url,
            "entrypoint": canaries.url,
            "path": canaries.url,
            "version": canaries.url,
            "tags": self._tags,
            "parameters": canaries.values,
            "parameter_openapi_schema": canaries.schema,
            "job_variables": canaries.process,
            "pull_steps": lambda where: [{"step": canaries.process(where)}],
        }
        labels: Plant = lambda where: {"api_token": canaries.secret(where), "repository": canaries.url(where)}  # noqa: E731
        creation: dict[str, Plant] = {**fields, "labels": labels, "schedules": lambda where: [canaries.schedule(where)]}
        identity = {"name": "d", "flow_id": flow_id, "work_pool_name": pool, "work_queue_name": queue}
        body = {**identity, **self._fill("deployment created", creation)}
        path = f"/deployments/{self._send('POST', '/deployments/', 201, body)['id']}"
        self._send("POST", "/deployments/", 200, {**identity, **self._fill("deployment upserted", creation)})
        self._send("PATCH", path, 204, self._fill("deployment patched", fields))
        for field, plant in fields.items():
            self._send("PATCH", path, 204, self._fill("deployment patched alone", {field: plant}))
        added = [{**canaries.schedule("schedule added"), "slug": "added"}]
        [schedule] = self._send("POST", f"{path}/schedules", 201, added)
        self._send(
            "PATCH", f"{path}/schedules/{schedule['id']}", 204, {"parameters": canaries.values("schedule patched")}
        )
        self._send("DELETE", f"{path}/schedules/{schedule['id']}", 204)
        self._send("POST", f"{path}/pause_deployment", 200)
        self._send("PATCH", path, 204, {"concurrency_limit": 3})
        self._send("DELETE", path, 204)

    def _limits(self, run: str) -> None:
        # Limits have no field for a secret except the name, and these names hold none. Run them anyway.
        limit = self._send("POST", "/v2/concurrency_limits/", 201, {"name": f"limit-{run}", "limit": 1})
        self._send("PATCH", f"/v2/concurrency_limits/{limit['id']}", 204, {"limit": 2})
        self._send("DELETE", f"/v2/concurrency_limits/{limit['id']}", 204)
        self._send("POST", "/concurrency_limits/", 201, {"tag": f"tag-{run}", "concurrency_limit": 1})
        self._send("DELETE", f"/concurrency_limits/tag/tag-{run}", 200)

    def _workers(self, pool: str, flow_id: str) -> None:
        # Events name a worker. Its other values may be only in its own row.
        heartbeat = {
            "name": f"worker of {pool}",
            "heartbeat_interval_seconds": 30,
            "metadata": self._canaries.values("metadata of a worker"),
        }
        self._send("POST", f"/work_pools/{pool}/workers/heartbeat", 204, heartbeat)
        self._send("POST", f"/work_pools/{pool}/get_scheduled_flow_runs", 200, {"work_queue_names": ["q"]})
        self._send("DELETE", f"/work_pools/{pool}/workers/{heartbeat['name']}", 204)
        # Values in filters are private too.
        looked_for = {"name": {"any_": [self._canaries.secret("name in a filter")]}}
        for path, body in {
            "/flows/filter": {"flows": looked_for},
            "/deployments/filter": {"deployments": looked_for, "flows": {"id": {"any_": [flow_id]}}},
            "/work_pools/filter": {"work_pools": looked_for},
            "/events/filter": {"filter": {"event": {"name": [self._canaries.secret("event in a filter")]}}},
        }.items():
            self._send("POST", path, 200, body)

    def client_event(self, where: str) -> dict[str, Any]:
        """Return a client event with secrets in its payload and labels."""
        canaries = self._canaries
        resource = {"prefect.resource.id": "ship.1", "api_token": canaries.secret(where), "url": canaries.url(where)}
        related = {**resource, "prefect.resource.role": "crew", "password": canaries.secret(f"{where}, related")}
        return a_client_event(resource=resource, related=[related], payload=canaries.values(f"{where}, payload"))

    def _client_events(self) -> None:
        self._send("POST", "/events", 204, [self.client_event("client event posted")])
        address = f"{self._client.base_url.host}:{self._client.base_url.port}"
        with connected(address, "in") as socket:
            send(socket, self.client_event("client event of a WebSocket"))
            send(socket, {**self.client_event("broken client event"), "id": self._canaries.secret("id of an event")})
            socket.send(self._canaries.secret("a frame that is no JSON"))

    def _tags(self, where: str) -> list[str]:
        return [f"https://{self._canaries.secret(f'{where}, token in front of a host')}@git.example.com", "plain"]
