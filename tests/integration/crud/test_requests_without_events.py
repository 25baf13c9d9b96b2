"""A rejected request, or one that changes nothing, makes no event, for every kind of resource."""

from collections.abc import Callable
from typing import Any

import httpx2
import pytest
from sqlalchemy import text

from app.models import EventRow, SnapshotRow
from tests.integration.outbox_world import count
from tests.world import World, assert_audit_is_clean, operations

# Raw SQL: the models do not administer the schema, and no outside value gets into these statements.
FAILING = (
    "CREATE FUNCTION fail_at_commit() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
    " IF nextval('commits') <= 3 THEN RAISE EXCEPTION 'not yet' USING ERRCODE = '40001'; END IF;"
    " RETURN NULL; END $$"
)
TRIGGER = (
    "CREATE CONSTRAINT TRIGGER fail_at_commit AFTER INSERT OR UPDATE OR DELETE ON deployment"
    " DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION fail_at_commit()"
)

Request = Callable[[World, str], httpx2.Response]


def count_changes(world: World) -> int:
    """Return the number of events and pending snapshots."""
    with world.sessions() as session:
        return count(session, EventRow) + count(session, SnapshotRow)


def let_three_commits_fail(world: World) -> None:
    """Let the next three transactions that write a deployment fail as they commit."""
    with world.sessions.begin() as session:
        for statement in ("CREATE SEQUENCE commits", FAILING, TRIGGER):
            session.execute(text(statement))


def create(world: World, _deployment: str) -> httpx2.Response:
    return world.client.post("/deployments/", json={"name": world.name("new"), "flow_id": world.flow()})


def update(world: World, deployment: str) -> httpx2.Response:
    return world.client.patch(f"/deployments/{deployment}", json={"description": "phantom"})


def delete(world: World, deployment: str) -> httpx2.Response:
    return world.client.delete(f"/deployments/{deployment}")


@pytest.mark.own_database
@pytest.mark.parametrize("request_", [create, update, delete])
def test_a_request_whose_commit_fails_has_no_event_and_its_repetition_has_one(request_: Request, world: World) -> None:
    deployment = world.deploy(description="orig")
    before = count_changes(world)
    let_three_commits_fail(world)

    failures = [request_(world, deployment) for _ in range(3)]

    assert [failure.status_code for failure in failures] == [503] * 3
    assert count_changes(world) == before
    assert world.client.get(f"/deployments/{deployment}").json()["description"] == "orig"
    assert request_(world, deployment).is_success
    assert count_changes(world) == before + 1
    assert_audit_is_clean(world.sessions)


def test_a_refused_deletion_of_a_default_queue_has_no_event(world: World) -> None:
    pool = world.pool()
    queue = world.client.get(f"/work_pools/{pool}/queues/default").json()["id"]

    world.delete(f"/work_queues/{queue}", 409)
    world.delete(f"/work_pools/{pool}/queues/default", 409)

    assert operations(world.life(queue, "work-queue")) == ["created"]


NUMBER = {"properties": {"n": {"type": "integer"}}}


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"flow_id": "00000000-0000-0000-0000-00000000000f"}, 409),
        ({"name": "a/b"}, 422),
        ({"parameters": {"n": "x"}, "parameter_openapi_schema": NUMBER, "enforce_parameter_schema": True}, 422),
        ({"global_concurrency_limit_id": "00000000-0000-0000-0000-00000000000f"}, 404),
        ({"schedules": [{"schedule": {"interval": 60.0}, "slug": "s"}] * 2}, 409),
    ],
)
def test_a_refused_deployment_leaves_no_new_queue_and_no_event(
    fields: dict[str, Any], status: int, world: World
) -> None:
    pool = world.pool()
    body = {"name": "d", "flow_id": world.flow(), "work_pool_name": pool, "work_queue_name": "new", **fields}
    before = count_changes(world)

    world.post("/deployments/", body, status)

    assert count_changes(world) == before
    assert world.client.get(f"/work_pools/{pool}/queues/new").status_code == 404


def test_a_refused_update_has_no_event(world: World) -> None:
    deployment = world.deploy(description="orig")
    twice = [{"schedule": {"interval": 60.0}, "slug": "s"}] * 2

    world.patch(f"/deployments/{deployment}", {"description": "phantom", "schedules": twice}, 409)

    assert world.client.get(f"/deployments/{deployment}").json()["description"] == "orig"
    assert operations(world.life(deployment)) == ["created"]


def test_a_patch_without_effect_has_no_event_for_any_kind(world: World) -> None:
    flow = world.post("/flows/", {"name": world.name("tagged"), "tags": ["a", "b"]}, 201)["id"]
    limit = world.post("/v2/concurrency_limits/", {"name": world.name("limit"), "limit": 5}, 201)["id"]
    pool = world.pool()
    queue = world.post(f"/work_pools/{pool}/queues", {"name": "q", "priority": 2}, 201)["id"]
    before = count_changes(world)

    world.patch(f"/flows/{flow}", {"tags": ["b", "a"]})
    world.patch(f"/v2/concurrency_limits/{limit}", {"limit": 5, "active": True})
    world.patch(f"/work_pools/{pool}", {"is_paused": False, "concurrency_limit": None})
    world.patch(f"/work_queues/{queue}", {"name": "q", "priority": 2, "is_paused": False})

    assert count_changes(world) == before
