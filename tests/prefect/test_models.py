"""Nothing that the client's own models can say is refused, unless it is listed here with its reason."""

import json
from typing import Any

import pytest

from tests.prefect.terminal import Terminal
from tests.world import World

LISTS = {
    "FlowFilter": [("/flows/filter", "flows"), ("/flows/count", "flows"), ("/deployments/filter", "flows")],
    "DeploymentFilter": [(f"/deployments/{route}", "deployments") for route in ("filter", "count", "paginate")],
    "WorkPoolFilter": [("/work_pools/filter", "work_pools"), ("/deployments/filter", "work_pools")],
    "WorkQueueFilter": [("/work_queues/filter", "work_queues"), ("/deployments/filter", "work_pool_queues")],
    "WorkerFilter": [("/work_pools/{pool}/workers/filter", "workers")],
    "FlowRunFilter": [(f"/{one}/filter", "flow_runs") for one in ("flows", "deployments", "flow_runs")],
    "TaskRunFilter": [(f"/{one}/filter", "task_runs") for one in ("flows", "deployments", "task_runs")],
    "LogFilter": [("/logs/filter", "logs")],
    "VariableFilter": [("/variables/filter", "variables")],
    "ArtifactFilter": [("/artifacts/filter", "artifacts")],
    "BlockDocumentFilter": [("/block_documents/filter", "block_documents")],
    "EventFilter": [("/events/filter", "filter"), ("/events/count-by/event", "filter")],
}
"""The routes that accept each filter, and the filter's key in the body."""

CREATIONS = {
    "FlowCreate": "/flows/",
    "DeploymentCreate": "/deployments/",
    "WorkPoolCreate": "/work_pools/",
    "WorkQueueCreate": "/work_pools/{pool}/queues",
    "GlobalConcurrencyLimitCreate": "/v2/concurrency_limits/",
    "ConcurrencyLimitCreate": "/concurrency_limits/",
}
UPDATES = {
    "FlowUpdate": "/flows/{flow}",
    "DeploymentUpdate": "/deployments/{deployment}",
    "DeploymentScheduleUpdate": "/deployments/{deployment}/schedules/{schedule}",
    "WorkPoolUpdate": "/work_pools/{pool}",
    "WorkQueueUpdate": "/work_pools/{pool}/queues/{queue}",
    "GlobalConcurrencyLimitUpdate": "/v2/concurrency_limits/{limit}",
}
OMITTED_IF_NULL = ("paused", "pull_steps", "enforce_parameter_schema", "version_info", "branch", "base", "root")
"""The client leaves these out of a new deployment when they are null."""
REFUSED = {
    ("storage_document_id", 409),
    ("infrastructure_document_id", 409),
    ("everything", 409),
    ("everything", 404),
    ("everything", 422),
    ("slug", 409),
    ("global_concurrency_limit_id", 404),
    ("work_pool_name", 404),
    ("branch", 422),
    ("base", 422),
    ("root", 422),
}
"""The ids and names in the dumps belong to no block, limit or pool. 409 also: another dump has taken the name or slug.
Prefect's server also refuses the last three, in a body with everything."""


def dumps(terminal: Terminal, *models: str) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = json.loads(terminal.script("model_dumps.py", *models).text.splitlines()[-1])
    return found


def test_every_filter_of_the_client_is_accepted(terminal: Terminal, world: World) -> None:
    pool = world.pool()
    found = dumps(terminal, *LISTS)
    assert len(found) == len(LISTS)
    for model, bodies in found.items():
        for path, key in LISTS[model]:
            for name, body in bodies.items():
                response = world.client.post(path.format(pool=pool), json={key: body})
                assert response.status_code == 200, f"{model} {name} at {path}: {body}: {response.text}"


def test_every_body_of_the_client_is_accepted_except_the_listed_ones(terminal: Terminal, world: World) -> None:
    places = _places(world)
    found = dumps(terminal, *CREATIONS, *UPDATES)
    for model, bodies in found.items():
        for name, body in bodies.items():
            response = _send(world, model, name, body, places)
            allowed = response.is_success or (name, response.status_code) in REFUSED
            assert allowed, f"{model} {name}: {body}: {response.status_code} {response.text}"


def _places(world: World) -> dict[str, str]:
    deployment = world.deploy(schedules=[{"schedule": {"interval": 60}, "slug": "s"}])
    [schedule] = world.client.get(f"/deployments/{deployment}/schedules").json()
    pool = world.pool()
    world.post(f"/work_pools/{pool}/queues", {"name": "q"}, 201)
    limit = world.post("/v2/concurrency_limits/", {"name": world.name("limit"), "limit": 1}, 201)["id"]
    return {
        "deployment": deployment,
        "schedule": schedule["id"],
        "flow": world.flow(),
        "pool": pool,
        "queue": "q",
        "limit": limit,
    }


def _send(world: World, model: str, name: str, body: dict[str, Any], places: dict[str, str]) -> Any:
    if model in UPDATES:
        # The body could rename the resource that this path names.
        kept = {key: value for key, value in body.items() if key != "name"}
        return world.client.patch(UPDATES[model].format(**places), json=kept)
    own = {"name": world.name(f"{model}-{name}"), "tag": world.name(f"{model}-{name}"), "flow_id": places["flow"]}
    stated = {key: value for key, value in body.items() if value is not None or key not in OMITTED_IF_NULL}
    sent = {**stated, **{key: value for key, value in own.items() if key in body}}
    return world.client.post(CREATIONS[model].format(**places), json=sent)


@pytest.mark.parametrize("model", ["FlowFilter", "DeploymentFilter", "WorkPoolFilter", "WorkQueueFilter"])
def test_both_operators_work_at_every_depth(model: str, terminal: Terminal, world: World) -> None:
    body = dumps(terminal, model)[model]["everything"]
    for operator in ("and_", "or_"):
        path, key = LISTS[model][0]
        response = world.client.post(path, json={key: _with_operator(body, operator)})
        assert response.status_code == 200, response.text


def _with_operator(part: Any, operator: str) -> Any:
    if not isinstance(part, dict):
        return part
    changed = {key: _with_operator(value, operator) for key, value in part.items()}
    return {**changed, "operator": operator} if "operator" in part else changed
