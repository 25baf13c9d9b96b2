"""Deployments over HTTP: bodies, statuses, and what they refer to."""

from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import select

from app.models import Deployment, SnapshotRow
from tests.statements import StatementCount
from tests.world import World, operations, updates

ANSWER_KEYS = {
    "id", "created", "updated", "name", "version", "description", "flow_id", "paused", "schedules",
    "concurrency_limit", "global_concurrency_limit", "concurrency_options", "job_variables", "parameters", "tags",
    "labels", "work_queue_name", "work_queue_id", "last_polled", "parameter_openapi_schema", "path", "pull_steps",
    "entrypoint", "storage_document_id", "infrastructure_document_id", "created_by", "updated_by", "work_pool_name",
    "status", "enforce_parameter_schema",
}  # fmt: skip
SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}}
TEMPLATE = {
    "job_configuration": {"image": "{{ image }}"},
    "variables": {"type": "object", "properties": {"image": {"type": "string"}}},
}


def read(world: World, deployment: str) -> dict[str, Any]:
    answer: dict[str, Any] = world.client.get(f"/deployments/{deployment}").json()
    return answer


def test_an_answer_has_every_key_that_clients_know(world: World) -> None:
    assert read(world, world.deploy()).keys() == ANSWER_KEYS


def test_it_is_found_by_its_names(world: World) -> None:
    deployment = world.deploy()
    path = f"/deployments/name/{world.name('etl')}/{world.name('nightly')}"
    assert world.client.get(path).json()["id"] == deployment
    assert world.client.get(f"{path}x").json() == {"detail": "Deployment not found"}


def test_an_empty_name_is_a_name(world: World) -> None:
    world.post("/deployments/", {"name": "", "flow_id": world.flow()}, 201)


def test_labels_are_the_flows_its_id_and_the_given_ones(world: World) -> None:
    flow = world.post("/flows/", {"name": "labelled", "labels": {"team": "data", "tier": 1}}, 201)["id"]
    body = {"name": "d", "flow_id": flow, "labels": {"tier": 2}}
    assert world.post("/deployments/", body, 201)["labels"] == {"team": "data", "tier": 2, "prefect.flow.id": flow}


def test_an_upsert_changes_only_the_keys_that_are_set(world: World) -> None:
    deployment = world.deploy(description="kept", version="1", work_pool_name=world.pool())
    world.deploy(200, version="2")
    answer = read(world, deployment)
    assert (answer["description"], answer["version"]) == ("kept", "2")
    assert answer["work_pool_name"] == world.name("pool")


def test_a_pool_alone_means_its_default_queue(world: World) -> None:
    answer = read(world, world.deploy(work_pool_name=world.pool()))
    assert (answer["work_pool_name"], answer["work_queue_name"]) == (world.name("pool"), "default")


def test_a_queue_alone_means_the_default_agent_pool(world: World) -> None:
    answer = read(world, world.deploy(work_queue_name="lonely"))
    assert (answer["work_pool_name"], answer["work_queue_name"]) == ("default-agent-pool", "lonely")


def test_a_null_pool_takes_it_off_its_queue_and_a_null_queue_says_nothing(world: World) -> None:
    deployment = world.deploy(work_pool_name=world.pool(), work_queue_name="fast")
    world.patch(f"/deployments/{deployment}", {"work_queue_name": None})
    assert read(world, deployment)["work_queue_name"] == "fast"
    world.patch(f"/deployments/{deployment}", {"work_pool_name": None})
    assert read(world, deployment)["work_queue_name"] is None
    assert operations(world.life(deployment)) == ["created", "updated"]


@pytest.mark.parametrize(
    ("body", "status", "text"),
    [
        ({"work_pool_name": "nowhere"}, 404, 'Work pool "nowhere" not found.'),
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
        ({"parameters": {"n": "one"}, "parameter_openapi_schema": SCHEMA}, 422, "n"),
        ({"parameters": {"x": "y" * 600_000}}, 422, "larger than"),
        ({"schedule": {"interval": 1}}, 422, "Extra inputs"),
        ({"infra_overrides": {}}, 422, "Extra inputs"),
        ({"tags": None}, 422, "valid list"),
    ],
)  # fmt: skip
def test_a_bad_creation_is_refused_with_its_reason_and_leaves_nothing(
    body: dict[str, Any], status: int, text: str, world: World
) -> None:
    response = world.client.post("/deployments/", json={"name": "bad", "flow_id": world.flow(), **body})
    assert response.status_code == status, response.text
    assert text in str(response.json())
    with world.sessions() as session:
        assert session.scalars(select(Deployment)).all() == []
        assert session.scalars(select(SnapshotRow)).all() == []
    assert world.post("/events/filter", {})["total"] == 0


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
def test_a_bad_patch_is_refused_and_changes_nothing(body: dict[str, Any], status: int, world: World) -> None:
    deployment = world.deploy(parameter_openapi_schema=SCHEMA, parameters={"n": 1})
    before = read(world, deployment)
    world.patch(f"/deployments/{deployment}", {"description": "phantom", **body}, status)
    assert read(world, deployment) == before
    assert operations(world.life(deployment)) == ["created"]


@pytest.mark.parametrize(
    "field",
    ["description", "path", "pull_steps", "version", "entrypoint", "concurrency_options", "parameter_openapi_schema"],
)
def test_null_clears_with_an_event(field: str, world: World) -> None:
    values: dict[str, Any] = {
        "pull_steps": [{"a": {}}],
        "concurrency_options": {"collision_strategy": "ENQUEUE"},
        "parameter_openapi_schema": {"type": "object"},
    }
    deployment = world.deploy(**{field: values.get(field, "something")})
    world.patch(f"/deployments/{deployment}", {field: None})
    assert read(world, deployment)[field] is None
    assert updates(world.life(deployment)[1])[field]["to"] is None


def test_clearing_the_schema_does_not_brick_the_deployment(world: World) -> None:
    deployment = world.deploy(parameter_openapi_schema={"type": "object"}, parameters={"n": 1})
    world.patch(f"/deployments/{deployment}", {"parameter_openapi_schema": None})
    world.patch(f"/deployments/{deployment}", {"parameters": {"n": "anything"}})


def test_null_job_variables_say_nothing_and_empty_ones_clear(world: World) -> None:
    deployment = world.deploy(job_variables={"a": 1})
    world.patch(f"/deployments/{deployment}", {"job_variables": None})
    assert read(world, deployment)["job_variables"] == {"a": 1}
    world.patch(f"/deployments/{deployment}", {"job_variables": {}})
    assert read(world, deployment)["job_variables"] == {}


def test_job_variables_must_fit_the_template_of_the_pool(world: World) -> None:
    pool = world.name("strict")
    world.post("/work_pools/", {"name": pool, "type": "docker", "base_job_template": TEMPLATE}, 201)
    deployment = world.deploy(work_pool_name=pool, job_variables={"image": "a"})
    world.patch(f"/deployments/{deployment}", {"job_variables": {"image": 3}}, 422)
    body = {"name": "x", "flow_id": world.flow(), "work_pool_name": pool, "job_variables": {"image": 3}}
    assert "'type'" in world.post("/deployments/", body, 422)["detail"]


def test_old_keys_that_were_renamed_are_dropped_without_a_word(world: World) -> None:
    world.deploy(worker_pool_queue_id=str(uuid4()), worker_pool_name="x", work_pool_queue_name="y")


def test_two_deployments_share_a_limit_and_neither_takes_it_away_from_the_other(world: World) -> None:
    limit = world.post("/v2/concurrency_limits/", {"name": "shared", "limit": 5}, 201)["id"]
    one = world.deploy(name="one", global_concurrency_limit_id=limit)
    two = world.deploy(name="two", global_concurrency_limit_id=limit)
    world.patch(f"/deployments/{one}", {"concurrency_limit": None})
    world.delete(f"/deployments/{one}")
    assert read(world, two)["global_concurrency_limit"]["id"] == limit
    world.patch(f"/deployments/{two}", {"concurrency_limit": 9})
    assert world.client.get(f"/v2/concurrency_limits/{limit}").json()["limit"] == 5
    assert read(world, two)["global_concurrency_limit"]["name"] == f"deployment:{two}"


def test_an_own_limit_that_another_deployment_uses_outlives_its_number(world: World) -> None:
    owner = world.deploy(name="owner", concurrency_limit=3)
    limit = read(world, owner)["global_concurrency_limit"]["id"]
    guest = world.deploy(name="guest", global_concurrency_limit_id=limit)
    world.patch(f"/deployments/{owner}", {"concurrency_limit": None})
    assert read(world, guest)["global_concurrency_limit"]["limit"] == 3
    world.patch(f"/deployments/{owner}", {"concurrency_limit": 4})
    assert read(world, owner)["global_concurrency_limit"]["id"] == limit
    world.deploy(200, name="owner", concurrency_limit=6)
    assert read(world, owner)["global_concurrency_limit"]["limit"] == 6
    world.delete(f"/deployments/{owner}")
    assert world.client.get(f"/v2/concurrency_limits/{limit}").status_code == 200


def test_deleting_a_deployment_deletes_its_own_limit(world: World) -> None:
    deployment = world.deploy(concurrency_limit=3)
    limit = read(world, deployment)["global_concurrency_limit"]["id"]
    world.deploy(200, concurrency_limit=3)
    world.delete(f"/deployments/{deployment}")
    assert world.client.get(f"/v2/concurrency_limits/{limit}").status_code == 404


@pytest.mark.parametrize(
    ("deployments", "found"),
    [
        ({"name": {"like_": "AL"}}, ["alpha"]),
        ({"name": {"any_": ["alpha", "beta"]}}, ["alpha", "beta"]),
        ({"tags": {"all_": ["x"]}}, ["alpha", "beta"]),
        ({"tags": {"all_": ["x", "y"]}}, ["beta"]),
        ({"tags": {"any_": ["y", "z"]}}, ["beta"]),
        ({"tags": {"is_null_": True}}, ["gamma"]),
        ({"paused": {"eq_": True}}, ["gamma"]),
        ({"work_queue_name": {"any_": ["fast"]}}, ["alpha"]),
        ({"flow_or_deployment_name": {"like_": "etl"}}, ["alpha", "beta", "gamma"]),
        ({"operator": "or_", "name": {"any_": ["alpha"]}, "paused": {"eq_": True}}, ["alpha", "gamma"]),
        ({"concurrency_limit": {"any_": [1]}}, ["alpha", "beta", "gamma"]),
        (None, ["alpha", "beta", "gamma"]),
    ],
)
def test_a_filter_finds(deployments: Any, found: list[str], world: World) -> None:
    flow = world.flow()
    bodies: list[dict[str, Any]] = [
        {"name": "alpha", "tags": ["x"], "work_pool_name": world.pool(), "work_queue_name": "fast"},
        {"name": "beta", "tags": ["x", "y"]},
        {"name": "gamma", "paused": True},
    ]
    for body in bodies:
        world.post("/deployments/", {"flow_id": flow, **body}, 201)
    query = {"deployments": deployments, "flows": None, "task_runs": None, "sort": None, "limit": None}
    assert [row["name"] for row in world.post("/deployments/filter", query)] == found
    assert world.post("/deployments/count", query) == len(found)


def test_deployments_are_found_by_flow_pool_and_queue(world: World) -> None:
    world.deploy(name="in", work_pool_name=world.pool(), work_queue_name="fast")
    world.deploy(name="out", flow="other")
    for query in (
        {"flows": {"name": {"any_": [world.name("etl")]}}},
        {"work_pools": {"name": {"any_": [world.name("pool")]}}},
        {"work_pool_queues": {"name": {"any_": ["fast"]}}},
    ):
        assert [row["name"] for row in world.post("/deployments/filter", query)] == [world.name("in")]


def test_orders_and_pages_reach_every_row_once(world: World) -> None:
    names = [world.name(f"n{number}") for number in range(5)]
    for number in range(5):
        world.deploy(name=f"n{number}")
    pages = [world.post("/deployments/paginate", {"limit": 2, "page": page}) for page in (1, 2, 3)]
    assert [row["name"] for page in pages for row in page["results"]] == names
    assert {(page["count"], page["pages"], page["limit"]) for page in pages} == {(5, 3, 2)}
    for sort, expected in (("NAME_DESC", names[::-1]), ("CREATED_DESC", names[::-1]), ("UPDATED_DESC", names[::-1])):
        assert [row["name"] for row in world.post("/deployments/filter", {"sort": sort})] == expected
    assert [row["name"] for row in world.post("/deployments/filter", {"limit": 2, "offset": 1})] == names[1:3]


def test_a_limit_beyond_the_highest_is_refused(world: World) -> None:
    assert "Invalid limit" in world.post("/deployments/filter", {"limit": 201}, 422)["detail"]
    world.post("/deployments/filter", {"limit": -1}, 422)


def test_list_routes_need_no_body(world: World) -> None:
    world.deploy()
    for path in ("filter", "count", "paginate"):
        assert world.client.post(f"/deployments/{path}").status_code == 200


@pytest.mark.parametrize("body", [None, {}, {"deployments": None}, {"deployments": {}}, {"deployments": {"id": {}}}])
def test_a_bulk_deletion_that_does_not_say_which_deletes_nothing(body: Any, world: World) -> None:
    deployment = world.deploy()
    assert "which" in world.post("/deployments/bulk_delete", body, 422)["detail"]
    assert operations(world.life(deployment)) == ["created"]


@pytest.mark.parametrize("path", ["", "/schedules"])
def test_what_does_not_exist_is_not_found(path: str, world: World) -> None:
    for method, where in (("GET", path), ("PATCH", ""), ("DELETE", ""), ("POST", "/pause_deployment")):
        response = world.client.request(
            method, f"/deployments/{uuid4()}{where}", json={} if method == "PATCH" else None
        )
        assert (response.status_code, response.json()) == (404, {"detail": "Deployment not found"})


def test_schedules_are_listed_as_they_were_added(world: World) -> None:
    deployment = world.deploy(schedules=[{"schedule": {"cron": "0 3 * * *"}, "slug": "a"}])
    path = f"/deployments/{deployment}/schedules"
    answers = world.post(path, [{"schedule": {"interval": 60}}, {"schedule": {"interval": 9}, "slug": "a"}], 201)
    assert [answer["slug"] for answer in answers] == ["a", None]
    listed = world.client.get(path).json()
    assert [schedule["slug"] for schedule in listed] == ["a", None]
    assert listed[0]["deployment_id"] == deployment


def test_a_change_is_one_statement_one_snapshot_and_one_commit(world: World, client: Any) -> None:
    deployment = world.deploy(version="1", description="d")
    seen = StatementCount(client.app.state.engine)
    world.post("/deployments/", {"name": world.name("nightly"), "flow_id": world.flow(), "version": "2"}, 200)
    assert len(seen.of("INSERT INTO deployment")) == 1
    assert len(seen.of("INSERT INTO snapshot")) == 1
    assert len(seen.of("UPDATE")) == 0
    # The flow's route reads and the flow is locked; then upsert, snapshot, and the answer.
    assert len([statement for statement in seen.statements if "deployment" in statement]) == 2
    seen.statements.clear()
    world.patch(f"/deployments/{deployment}", {"version": "3"})
    assert [statement.split()[0] for statement in seen.statements] == ["SELECT", "UPDATE", "INSERT"]


def test_an_unchanged_upsert_writes_no_row(world: World, client: Any) -> None:
    world.deploy(version="1")
    seen = StatementCount(client.app.state.engine)
    world.deploy(200, version="1")
    assert seen.of("INSERT INTO snapshot") == []


def test_bulk_deletion_costs_the_same_whatever_its_number(world: World, client: Any) -> None:
    def statements(count: int) -> int:
        ids = [world.deploy(name=f"c{count}-{number}") for number in range(count)]
        seen = StatementCount(client.app.state.engine)
        world.post("/deployments/bulk_delete", {"deployments": {"id": {"any_": ids}}})
        return len(seen.statements)

    assert statements(1) == statements(20)
