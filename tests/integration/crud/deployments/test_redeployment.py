"""Deploying again: only the fields that differ are changes."""

from typing import Any

import pytest

from tests.world import World, operations, updates

BASE: dict[str, Any] = {
    "concurrency_limit": 2,
    "concurrency_options": {"collision_strategy": "ENQUEUE"},
    "description": "d",
    "enforce_parameter_schema": True,
    "entrypoint": "flow.py:f",
    "job_variables": {"a": 1},
    "labels": {"team": "data"},
    "parameter_openapi_schema": {"type": "object"},
    "parameters": {"n": 1},
    "path": "/srv",
    "paused": False,
    "pull_steps": [{"step": {}}],
    "schedules": [{"schedule": {"interval": 60.0}}],
    "tags": ["a", "b"],
    "version": "1",
}


@pytest.mark.parametrize(
    ("key", "value", "fields"),
    [
        ("concurrency_limit", 3, ["concurrency_limit"]),
        ("concurrency_limit", None, ["concurrency_limit", "concurrency_limit_id"]),
        ("concurrency_options", {"collision_strategy": "CANCEL_NEW"}, ["concurrency_options"]),
        ("concurrency_options", None, ["concurrency_options"]),
        ("description", None, ["description"]),
        ("enforce_parameter_schema", False, ["enforce_parameter_schema"]),
        ("entrypoint", "flow.py:g", ["entrypoint"]),
        ("job_variables", {"a": True}, ["infra_overrides"]),
        ("labels", {"team": "web"}, ["labels"]),
        ("parameter_openapi_schema", None, ["parameter_openapi_schema"]),
        ("parameters", {"n": "1"}, ["parameters"]),
        ("path", "/opt", ["path"]),
        ("paused", True, ["paused"]),
        ("pull_steps", [], ["pull_steps"]),
        ("schedules", [], ["schedules"]),
        ("tags", ["a"], ["tags"]),
        ("version", "2", ["version"]),
        ("work_pool_name", None, ["work_queue_id"]),
        ("work_queue_name", "q", ["work_queue_id"]),
        ("work_queue_name", "default", []),
        ("tags", ["b", "a"], []),
        ("description", "None", ["description"]),
        ("parameters", {"n": 1.0}, []),
        ("job_variables", None, []),
    ],
)
def test_each_key_whose_value_differs_is_a_change_of_its_field_only(
    world: World, key: str, value: Any, fields: list[str]
) -> None:
    body = {"work_pool_name": world.pool(), **BASE}
    deployment = world.deploy(**body)
    assert world.deploy(200, **body) == deployment
    # Create queue `q`, which one of the cases names.
    world.deploy(flow="other", work_pool_name=body["work_pool_name"], work_queue_name="q")
    world.deploy(200, **{**body, key: value})
    events = world.life(deployment)
    changed = [event for event in events if event["event"].endswith(".updated")]
    assert [sorted(updates(event)) for event in changed] == ([fields] if fields else [])


@pytest.mark.parametrize(("key", "first", "later"), [("description", "None", None), ("pull_steps", [], None)])
def test_two_forms_of_an_empty_value_are_equal(key: str, first: Any, later: Any, world: World) -> None:
    deployment = world.deploy(**{key: first})
    world.deploy(200, **{key: later})
    world.patch(f"/deployments/{deployment}", {key: first})
    assert operations(world.life(deployment)) == ["created"]


def test_a_missing_key_keeps_the_stored_value(world: World) -> None:
    deployment = world.deploy(work_pool_name=world.pool(), description="d", concurrency_limit=2, paused=True)
    world.deploy(200)
    assert operations(world.life(deployment)) == ["created"]


def test_replacing_the_number_by_a_shared_limit_is_a_change(world: World) -> None:
    limit = world.post("/v2/concurrency_limits/", {"name": world.name("g"), "limit": 1}, 201)["id"]
    deployment = world.deploy(concurrency_limit=2)
    world.deploy(200, global_concurrency_limit_id=limit)
    world.deploy(200, global_concurrency_limit_id=limit)
    assert [sorted(updates(event)) for event in world.life(deployment)[1:]] == [
        ["concurrency_limit", "concurrency_limit_id"]
    ]


def test_job_variables_are_checked_even_if_nothing_differs(world: World) -> None:
    pool = world.pool()
    body: dict[str, Any] = {"work_pool_name": pool, "job_variables": {"cpus": "many"}}
    world.deploy(**body)
    strict = {"variables": {"type": "object", "properties": {"cpus": {"type": "integer"}}}, "job_configuration": {}}
    world.patch(f"/work_pools/{pool}", {"base_job_template": strict})
    answer = world.client.post("/deployments/", json={"name": world.name("nightly"), "flow_id": world.flow(), **body})
    assert (answer.status_code, "job variables" in answer.text) == (422, True)


def test_the_response_to_a_redeployment_has_the_names_of_pool_queue_and_limit(world: World) -> None:
    pool = world.pool()
    body = {"name": world.name("d"), "flow_id": world.flow(), "concurrency_limit": 2}
    created = world.post("/deployments/", {**body, "work_pool_name": pool, "work_queue_name": "q"}, 201)
    again = world.post("/deployments/", body, 200)
    assert again == created
    assert (again["work_pool_name"], again["work_queue_name"]) == (pool, "q")
    assert again["global_concurrency_limit"]["limit"] == 2


def test_labels_of_the_flow_apply_unless_the_deployment_has_its_own(world: World) -> None:
    flow = world.post("/flows/", {"name": world.name("etl"), "labels": {"team": "data", "tier": 1}}, 201)["id"]
    deployment = world.deploy(labels={"team": "web"})
    world.deploy(200, labels={"team": "web"})
    labels = {"prefect.flow.id": flow, "team": "web", "tier": 1}
    assert world.client.get(f"/deployments/{deployment}").json()["labels"] == labels
    assert operations(world.life(deployment)) == ["created"]


@pytest.mark.parametrize("polled", [False, True])
def test_the_response_to_a_creation_or_change_equals_what_a_read_returns(world: World, polled: bool) -> None:
    pool, flow = world.pool(), world.flow()
    queue = world.post("/work_queues/", {"name": world.name("of-agents")}, 201)["name"]
    if polled:
        assert world.client.post(f"/work_pools/{pool}/workers/heartbeat", json={"name": "w"}).status_code == 204
        world.post(f"/work_pools/{pool}/get_scheduled_flow_runs", {})
    for number, fields in enumerate(
        [
            {},
            {"work_pool_name": pool},
            {"work_pool_name": pool, "work_queue_name": "new"},
            {"work_queue_name": queue},
            {"work_pool_name": pool, "concurrency_limit": 2, "schedules": [{"schedule": {"interval": 60.0}}]},
        ]
    ):
        body = {"name": world.name(f"d{number}"), "flow_id": flow, **fields}
        alone = {"name": body["name"], "flow_id": flow, "version": "3"}
        for status, given in ((201, body), (200, {**body, "version": "2"}), (200, alone)):
            answer = world.post("/deployments/", given, status)
            assert world.client.get(f"/deployments/{answer['id']}").json() == answer
