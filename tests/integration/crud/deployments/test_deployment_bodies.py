"""Request bodies of deployments: rejected fields, the meaning of null, and values that must fit their schema."""

from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import select

from app.models import Deployment, SnapshotRow
from tests.integration.crud.deployments.deployment_routes import SCHEMA, TEMPLATE, read
from tests.world import World, operations, updates

ENFORCED = {"enforce_parameter_schema": True}


@pytest.mark.parametrize(
    ("body", "status", "text"),
    [
        ({"work_pool_name": "nowhere"}, 404, "Work pool not found"),
        ({"global_concurrency_limit_id": str(uuid4())}, 404, "Concurrency Limit not found"),
        ({"flow_id": str(uuid4())}, 409, "There is no flow"),
        ({"storage_document_id": str(uuid4())}, 409, "no such block"),
        ({"infrastructure_document_id": str(uuid4())}, 409, "no such block"),
        ({"schedules": [{"schedule": {"interval": 1}, "slug": "a"}] * 2}, 409, "same slug"),
        ({"concurrency_limit": 1, "global_concurrency_limit_id": str(uuid4())}, 422, "not both"),
        ({"concurrency_limit": 0}, 422, "greater than 0"),
        ({"concurrency_limit": 2**40}, 422, "less than or equal"),
        ({"concurrency_options": {"collision_strategy": "SHRUG"}}, 422, "ENQUEUE"),
        ({"concurrency_options": {"collision_strategy": "ENQUEUE", "grace_period_seconds": 5}}, 422, "60"),
        ({"parameters": {"n": "one"}, "parameter_openapi_schema": SCHEMA, **ENFORCED}, 422, "n"),
        ({"parameters": {"x": "y" * 600_000}}, 422, "larger than"),
        ({"schedule": {"interval": 1}}, 422, "Extra inputs"),
        ({"infra_overrides": {}}, 422, "Extra inputs"),
        ({"tags": None}, 422, "valid list"),
        ({"name": ""}, 422, "pattern"),
    ],
)  # fmt: skip
def test_an_invalid_creation_is_refused_with_the_reason_and_stores_nothing(
    body: dict[str, Any], status: int, text: str, world: World
) -> None:
    flow = world.flow()
    response = world.client.post("/deployments/", json={"name": "bad", "flow_id": flow, **body})
    assert response.status_code == status, response.text
    assert text in str(response.json())
    with world.sessions() as session:
        assert session.scalars(select(Deployment)).all() == []
        assert session.scalars(select(SnapshotRow)).all() == []
    [of_flow] = world.post("/events/filter", {})["events"]
    assert of_flow["resource"]["prefect.resource.id"] == f"prefect.flow.{flow}"


def test_a_creation_is_checked_against_its_schema_only_on_request(world: World) -> None:
    deployment = world.deploy(parameters={"n": "one"}, parameter_openapi_schema=SCHEMA)
    assert read(world, deployment)["enforce_parameter_schema"] is True
    world.patch(f"/deployments/{deployment}", {"parameters": {"n": "two"}}, 409)


@pytest.mark.parametrize(
    ("parameters", "stored"),
    [
        ({"n": {"__prefect_kind": "json", "value": "5"}}, {"n": 5}),
        ({"n": {"__prefect_kind": "json"}}, {}),
        ({"n": {"__prefect_kind": "json", "value": '"five"'}}, None),
    ],
)
def test_an_update_stores_and_checks_hydrated_parameters(
    parameters: dict[str, Any], stored: dict[str, Any] | None, world: World
) -> None:
    deployment = world.deploy(parameter_openapi_schema=SCHEMA)
    world.patch(f"/deployments/{deployment}", {"parameters": parameters}, 409 if stored is None else 204)
    assert read(world, deployment)["parameters"] == (stored or {})


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"tags": None}, 422),
        ({"paused": None}, 422),
        ({"schedules": None}, 422),
        ({"name": "other"}, 422),
        ({"flow_id": str(uuid4())}, 422),
        ({"labels": {}}, 422),
        ({"schedule": None}, 422),
        ({"parameters": None}, 409),
        ({"enforce_parameter_schema": None}, 409),
        ({"parameters": {"n": "one"}}, 409),
        ({"work_pool_name": "nowhere"}, 404),
        ({"storage_document_id": str(uuid4())}, 409),
    ],
)
def test_an_invalid_patch_is_refused_and_changes_nothing(body: dict[str, Any], status: int, world: World) -> None:
    deployment = world.deploy(parameter_openapi_schema=SCHEMA, parameters={"n": 1})
    before = read(world, deployment)
    world.patch(f"/deployments/{deployment}", {"description": "phantom", **body}, status)
    assert read(world, deployment) == before
    assert operations(world.life(deployment)) == ["created"]


@pytest.mark.parametrize(
    "field",
    ["description", "path", "pull_steps", "version", "entrypoint", "concurrency_options", "parameter_openapi_schema"],
)
def test_null_clears_a_field_and_has_an_event(field: str, world: World) -> None:
    values: dict[str, Any] = {
        "pull_steps": [{"a": {}}],
        "concurrency_options": {"collision_strategy": "ENQUEUE"},
        "parameter_openapi_schema": {"type": "object"},
    }
    deployment = world.deploy(**{field: values.get(field, "something")})
    world.patch(f"/deployments/{deployment}", {field: None})
    assert read(world, deployment)[field] is None
    assert updates(world.life(deployment)[1])[field]["to"] is None


def test_after_the_schema_is_cleared_any_parameters_are_accepted(world: World) -> None:
    deployment = world.deploy(parameter_openapi_schema={"type": "object"}, parameters={"n": 1})
    world.patch(f"/deployments/{deployment}", {"parameter_openapi_schema": None})
    world.patch(f"/deployments/{deployment}", {"parameters": {"n": "anything"}})


def test_null_job_variables_change_nothing_and_an_empty_object_clears_them(world: World) -> None:
    deployment = world.deploy(job_variables={"a": 1})
    world.patch(f"/deployments/{deployment}", {"job_variables": None})
    assert read(world, deployment)["job_variables"] == {"a": 1}
    world.patch(f"/deployments/{deployment}", {"job_variables": {}})
    assert read(world, deployment)["job_variables"] == {}


def test_job_variables_must_match_the_template_of_the_pool(world: World) -> None:
    pool = world.name("strict")
    world.post("/work_pools/", {"name": pool, "type": "docker", "base_job_template": TEMPLATE}, 201)
    deployment = world.deploy(work_pool_name=pool, job_variables={"image": "a"})
    world.patch(f"/deployments/{deployment}", {"job_variables": {"image": 3}}, 422)
    body = {"name": "x", "flow_id": world.flow(), "work_pool_name": pool, "job_variables": {"image": 3}}
    assert "'type'" in world.post("/deployments/", body, 422)["detail"]


def test_outdated_keys_are_ignored(world: World) -> None:
    world.deploy(worker_pool_queue_id=str(uuid4()), worker_pool_name="x", work_pool_queue_name="y")
