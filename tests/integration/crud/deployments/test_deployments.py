"""Deployments over HTTP: the response fields, and how names and references are resolved."""

from uuid import uuid4

import pytest

from tests.integration.crud.deployments.deployment_routes import read
from tests.world import World, operations

RESPONSE_KEYS = {
    "id", "created", "updated", "name", "version", "description", "flow_id", "paused", "schedules",
    "concurrency_limit", "global_concurrency_limit", "concurrency_options", "job_variables", "parameters", "tags",
    "labels", "work_queue_name", "work_queue_id", "last_polled", "parameter_openapi_schema", "path", "pull_steps",
    "entrypoint", "storage_document_id", "infrastructure_document_id", "created_by", "updated_by", "work_pool_name",
    "status", "enforce_parameter_schema",
}  # fmt: skip


def test_a_response_has_every_key_that_clients_know(world: World) -> None:
    assert read(world, world.deploy()).keys() == RESPONSE_KEYS


def test_a_deployment_is_found_by_the_names_of_its_flow_and_itself(world: World) -> None:
    deployment = world.deploy()
    path = f"/deployments/name/{world.name('etl')}/{world.name('nightly')}"
    assert world.client.get(path).json()["id"] == deployment
    assert world.client.get(f"{path}x").json() == {"detail": "Deployment not found"}


def test_labels_contain_those_of_the_flow_the_flow_id_and_the_submitted_ones(world: World) -> None:
    flow = world.post("/flows/", {"name": "labelled", "labels": {"team": "data", "tier": 1}}, 201)["id"]
    body = {"name": "d", "flow_id": flow, "labels": {"tier": 2}}
    assert world.post("/deployments/", body, 201)["labels"] == {"team": "data", "tier": 2, "prefect.flow.id": flow}


def test_an_upsert_that_only_names_a_new_queue_keeps_the_labels_of_the_flow(world: World) -> None:
    flow = world.post("/flows/", {"name": "labelled", "labels": {"team": "data"}}, 201)["id"]
    body = {"name": "d", "flow_id": flow, "work_pool_name": world.pool()}
    labels = world.post("/deployments/", body, 201)["labels"]
    assert world.post("/deployments/", {**body, "work_queue_name": "new"}, 200)["labels"] == labels


def test_an_upsert_changes_only_the_submitted_keys(world: World) -> None:
    deployment = world.deploy(description="kept", version="1", work_pool_name=world.pool())
    world.deploy(200, version="2")
    answer = read(world, deployment)
    assert (answer["description"], answer["version"]) == ("kept", "2")
    assert answer["work_pool_name"] == world.name("pool")


def test_a_pool_without_a_queue_means_its_default_queue(world: World) -> None:
    answer = read(world, world.deploy(work_pool_name=world.pool()))
    assert (answer["work_pool_name"], answer["work_queue_name"]) == (world.name("pool"), "default")


def test_a_queue_without_a_pool_means_the_default_agent_pool(world: World) -> None:
    answer = read(world, world.deploy(work_queue_name="lonely"))
    assert (answer["work_pool_name"], answer["work_queue_name"]) == ("default-agent-pool", "lonely")


def test_a_null_pool_removes_the_queue_and_a_null_queue_changes_nothing(world: World) -> None:
    deployment = world.deploy(work_pool_name=world.pool(), work_queue_name="fast")
    world.patch(f"/deployments/{deployment}", {"work_queue_name": None})
    assert read(world, deployment)["work_queue_name"] == "fast"
    world.patch(f"/deployments/{deployment}", {"work_pool_name": None})
    assert read(world, deployment)["work_queue_name"] is None
    assert operations(world.life(deployment)) == ["created", "updated"]


@pytest.mark.parametrize("path", ["", "/schedules"])
def test_an_unknown_deployment_is_not_found(path: str, world: World) -> None:
    for method, where in (("GET", path), ("PATCH", ""), ("DELETE", ""), ("POST", "/pause_deployment")):
        response = world.client.request(
            method, f"/deployments/{uuid4()}{where}", json={} if method == "PATCH" else None
        )
        assert (response.status_code, response.json()) == (404, {"detail": "Deployment not found"})
