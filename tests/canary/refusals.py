"""Rejected requests that contain secrets: no response and no log line may quote them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx2

from tests.canary.secrets import Canaries


@dataclass(frozen=True)
class Refusal:
    """A request and the status that it must be refused with."""

    status: int
    method: str
    path: str
    body: Any = None
    content: str | None = None

    def send(self, client: httpx2.Client) -> None:
        """Send it."""
        if self.content is not None:
            headers = {"content-type": "application/json"}
            response = client.request(self.method, self.path, content=self.content, headers=headers)
        else:
            response = client.request(self.method, self.path, json=self.body)
        assert response.status_code == self.status, f"{self.method} {self.path}: {response.status_code} {response.text}"


def refusals(client: httpx2.Client, canaries: Canaries) -> Iterator[Refusal]:
    """Yield refused requests: 404, 409, 413, 422 and 501."""
    flow = client.post("/flows/", json={"name": f"flow-{uuid4().hex}"}).json()["id"]
    filled = {"job_variables": {"a": "x" * 3_000_000}}
    deployment = client.post("/deployments/", json={"name": "d", "flow_id": flow, **filled}).json()["id"]
    pool = f"pool-{uuid4().hex}"
    client.post("/work_pools/", json={"name": pool, "type": "process"})
    yield from _not_found(canaries, flow)
    yield from _conflicts(canaries, flow, pool)
    yield from _invalid_names(canaries, flow, pool)
    yield from _invalid_schemas(canaries, flow, deployment)
    yield from _invalid_schedules(canaries, deployment)
    yield from _invalid_values(canaries, flow, deployment)
    yield from _invalid_events(canaries)
    yield from _wrong_types(canaries, deployment, pool)
    secret = canaries.secret("body that is too large")
    yield Refusal(413, "POST", "/flows/", {"name": secret * 250_000})
    yield Refusal(
        501, "POST", f"/concurrency_limits/decrement?tag={canaries.secret('query')}", {"a": canaries.secret("501")}
    )


def _not_found(canaries: Canaries, flow: str) -> Iterator[Refusal]:
    nowhere = str(uuid4())
    secret = canaries.secret
    yield Refusal(404, "GET", f"/flows/name/{secret('path of flow')}")
    yield Refusal(404, "GET", f"/deployments/name/{secret('path')}/{secret('path')}")
    yield Refusal(404, "GET", f"/work_pools/{secret('path of pool')}")
    yield Refusal(404, "PATCH", f"/work_pools/{secret('path of pool')}", {"description": secret("404")})
    yield Refusal(404, "DELETE", f"/work_pools/{secret('path of pool')}")
    yield Refusal(404, "GET", f"/work_pools/{secret('pool of queue')}/queues/{secret('path of queue')}")
    yield Refusal(404, "POST", f"/work_pools/{secret('pool of queue')}/queues", {"name": secret("404")})
    yield Refusal(404, "POST", f"/work_pools/{secret('pool of worker')}/workers/heartbeat", {"name": secret("404")})
    yield Refusal(404, "GET", f"/work_queues/name/{secret('path of queue')}")
    yield Refusal(404, "GET", f"/v2/concurrency_limits/{secret('path of limit')}")
    yield Refusal(404, "GET", f"/concurrency_limits/tag/{secret('path of tag')}")
    yield Refusal(404, "GET", f"/{secret('path of nothing')}?token={secret('query')}")
    yield Refusal(
        404, "PATCH", f"/deployments/{nowhere}", {"description": secret("404"), "parameters": {"a": secret("404")}}
    )
    body = {"name": "d", "flow_id": flow, "description": secret("404")}
    yield Refusal(404, "POST", "/deployments/", {**body, "work_pool_name": secret("name of a pool")})


def _conflicts(canaries: Canaries, flow: str, pool: str) -> Iterator[Refusal]:
    values = canaries.values("409")
    yield Refusal(409, "POST", "/work_pools/", {"name": pool, "type": "process", "description": canaries.url("409")})
    body = {"name": canaries.secret("name, 409"), "job_variables": values}
    yield Refusal(409, "POST", "/deployments/", {**body, "flow_id": str(uuid4())})
    schedules = [canaries.schedule("409"), canaries.schedule("409")]
    yield Refusal(409, "POST", "/deployments/", {**body, "flow_id": flow, "schedules": schedules})
    yield Refusal(409, "POST", "/deployments/", {**body, "flow_id": flow, "storage_document_id": str(uuid4())})
    yield Refusal(409, "POST", f"/work_pools/{pool}/queues", {"name": "default", "description": canaries.url("409")})


def _invalid_names(canaries: Canaries, flow: str, pool: str) -> Iterator[Refusal]:
    secret = canaries.secret
    url = f"https://bob:{secret('a URL for a name')}@host"
    creations: dict[str, dict[str, Any]] = {
        "/flows/": {},
        "/work_pools/": {"type": "process"},
        f"/work_pools/{pool}/queues": {},
        "/v2/concurrency_limits/": {"limit": 1},
        "/deployments/": {"flow_id": flow},
    }
    for path, more in creations.items():
        yield Refusal(422, "POST", path, {"name": url, **more})
        yield Refusal(422, "POST", path, {"name": f"{secret('name with NUL')}\0", **more})
        yield Refusal(422, "POST", path, content=f'{{"name": "{secret("broken JSON")}", ')
    yield Refusal(422, "POST", "/work_pools/", {"name": "p", "type": f"https://{secret('type of a pool')}@host"})


def _invalid_schemas(canaries: Canaries, flow: str, deployment: str) -> Iterator[Refusal]:
    secret = canaries.secret
    body: dict[str, Any] = {"name": "d", "flow_id": flow}
    enforced = {"enforce_parameter_schema": True}
    strict = {"properties": {"n": {"type": "integer", "enum": [1], "title": secret("schema")}}}
    against_strict = {"parameter_openapi_schema": strict, "parameters": {"n": secret("n")}}
    yield Refusal(422, "POST", "/deployments/", {**body, **enforced, **against_strict})
    against_strict = {"parameter_openapi_schema": strict, "parameters": {"n": secret("n, changed")}}
    yield Refusal(409, "PATCH", f"/deployments/{deployment}", against_strict)
    broken = {"properties": {"n": {"type": secret("broken schema")}}}
    body |= enforced
    yield Refusal(422, "POST", "/deployments/", {**body, "parameter_openapi_schema": broken, "parameters": {"n": 1}})
    pattern = {"properties": {"n": {"pattern": f"^({secret('pattern')}"}}}
    yield Refusal(422, "POST", "/deployments/", {**body, "parameter_openapi_schema": pattern, "parameters": {"n": "x"}})
    template = {"job_configuration": {"a": "{{ undeclared }}", "b": secret("template")}, "variables": {}}
    yield Refusal(422, "POST", "/work_pools/", {"name": "p", "type": "process", "base_job_template": template})


def _invalid_schedules(canaries: Canaries, deployment: str) -> Iterator[Refusal]:
    secret = canaries.secret
    for schedule in (
        {"cron": secret("cron")},
        {"cron": "0 3 * * *", "timezone": secret("time zone")},
        {"rrule": secret("rrule")},
        {"interval": secret("interval")},
    ):
        yield Refusal(422, "POST", f"/deployments/{deployment}/schedules", [{"schedule": schedule}])


def _invalid_values(canaries: Canaries, flow: str, deployment: str) -> Iterator[Refusal]:
    """Yield values that JSON or PostgreSQL cannot hold, or that are too large."""
    secret = canaries.secret
    for parameters in (
        f'{{"a": NaN, "b": "{secret("NaN")}"}}',
        f'{{"a": "\\u0000{secret("NUL")}"}}',
        f'{{"a": "\\ud800{secret("surrogate")}"}}',
    ):
        content = f'{{"name": "d", "flow_id": "{flow}", "parameters": {parameters}}}'
        yield Refusal(422, "POST", "/deployments/", content=content)
    large = {"a": "y" * 2_000_000, "b": secret("a change that is too large"), "token": secret("large")}
    yield Refusal(422, "PATCH", f"/deployments/{deployment}", {"pull_steps": [large]})


def _invalid_events(canaries: Canaries) -> Iterator[Refusal]:
    secret = canaries.secret
    event = {"id": secret("id"), "event": secret("event"), "payload": secret("payload")}
    yield Refusal(422, "POST", "/events", [event])
    yield Refusal(403, "GET", f"/events/filter/next?page-token={secret('page token')}")


def _wrong_types(canaries: Canaries, deployment: str, pool: str) -> Iterator[Refusal]:
    """Put a secret into each field whose type does not accept it."""
    places = {
        f"/deployments/{deployment}": (
            "tags parameters parameter_openapi_schema pull_steps job_variables schedules paused concurrency_limit "
            "concurrency_options enforce_parameter_schema storage_document_id global_concurrency_limit_id"
        ),
        f"/work_pools/{pool}": "base_job_template storage_configuration is_paused concurrency_limit",
        f"/work_pools/{pool}/queues/default": "filter priority is_paused concurrency_limit last_polled",
    }
    for path, fields in places.items():
        for field in fields.split():
            yield Refusal(422, "PATCH", path, {field: canaries.secret(f"wrong type of {field}")})
    for path in places:
        yield Refusal(422, "PATCH", path, {"description": {"a": canaries.secret("description that is no text")}})
        yield Refusal(422, "PATCH", path, {"unknown": canaries.secret("value of an unknown key")})
