"""Scenarios of a deployment's life, seen by a client. Integration and acceptance tests run each on their own world."""

from collections.abc import Callable
from typing import Any, Final

from tests.world import World, assert_unbroken, operations, related, updates


def creating_yields_one_created_event(world: World) -> None:
    deployment = world.deploy(description="first", tags=["a"])
    (event,) = world.life(deployment)
    assert event["event"] == "prefect.deployment.created"
    assert event["resource"]["prefect.resource.name"] == world.name("nightly")
    assert event["payload"]["fields"]["description"] == "first"
    assert related(event) == [("flow", world.name("etl"))]


def an_unchanged_upsert_yields_nothing(world: World) -> None:
    body: dict[str, Any] = {
        "description": "same",
        "tags": ["a", "b"],
        "parameters": {"n": 1},
        "schedules": [{"schedule": {"cron": "0 3 * * *"}}],
    }
    deployment = world.deploy(**body)
    assert world.deploy(200, **body) == deployment
    reordered = {**body, "tags": ["b", "a"], "parameters": {"n": 1.0}}
    assert world.deploy(200, **reordered) == deployment
    assert operations(world.life(deployment)) == ["created"]


def a_changed_upsert_yields_its_diff(world: World) -> None:
    deployment = world.deploy(description=None, version="1")
    world.deploy(200, description="nightly", version="1")
    events = world.life(deployment)
    assert_unbroken(events)
    assert updates(events[1]) == {"description": {"from": None, "to": "nightly"}}


def a_patch_yields_its_diff_and_an_unchanged_patch_yields_nothing(world: World) -> None:
    deployment = world.deploy(tags=["a"])
    world.patch(f"/deployments/{deployment}", {"tags": ["a", "b"], "version": "2"})
    world.patch(f"/deployments/{deployment}", {"tags": ["b", "a"], "version": "2"})
    world.patch(f"/deployments/{deployment}", {})
    events = world.life(deployment)
    assert_unbroken(events)
    assert [sorted(updates(event)) for event in events[1:]] == [["tags", "version"]]


def pausing_and_resuming_yield_events(world: World) -> None:
    deployment = world.deploy()
    for route in ("pause_deployment", "pause_deployment", "resume_deployment"):
        world.post(f"/deployments/{deployment}/{route}", None)
    events = world.life(deployment)
    assert_unbroken(events)
    assert [updates(event)["paused"] for event in events[1:]] == [
        {"from": False, "to": True},
        {"from": True, "to": False},
    ]


def each_schedule_route_yields_an_event(world: World) -> None:
    deployment = world.deploy()
    path = f"/deployments/{deployment}/schedules"
    (schedule,) = world.post(path, [{"schedule": {"interval": 60.0}, "slug": "minutely"}], 201)
    world.patch(f"{path}/{schedule['id']}", {"active": False})
    world.patch(f"{path}/{schedule['id']}", {"active": False})
    world.patch(
        f"/deployments/{deployment}",
        {"schedules": [{"schedule": {"interval": 90.0}, "slug": "minutely", "active": False}]},
    )
    world.delete(f"{path}/{schedule['id']}")
    world.delete(f"{path}/{schedule['id']}", 404)
    events = world.life(deployment)
    assert_unbroken(events)
    assert operations(events) == ["created", *["updated"] * 4]
    intervals = [[s["schedule"]["interval"] for s in updates(event)["schedules"]["to"]] for event in events[1:]]
    assert intervals == [[60.0], [60.0], [90.0], []]


def its_own_concurrency_limit_yields_events_when_set_changed_and_cleared(world: World) -> None:
    deployment = world.deploy()
    for number in (3, 4, 4, None):
        world.patch(f"/deployments/{deployment}", {"concurrency_limit": number})
    events = world.life(deployment)
    assert_unbroken(events)
    assert [updates(event)["concurrency_limit"]["to"] for event in events[1:]] == [3, 4, None]
    assert related(events[1])[-1] == ("concurrency-limit", f"deployment:{deployment}")
    assert world.client.get(f"/v2/concurrency_limits/deployment:{deployment}").status_code == 404


def deleting_its_concurrency_limit_yields_an_update(world: World) -> None:
    limit = world.post("/v2/concurrency_limits/", {"name": world.name("gate"), "limit": 2}, 201)
    deployment = world.deploy(global_concurrency_limit_id=limit["id"])
    other = world.deploy(name="other", global_concurrency_limit_id=limit["id"])
    world.delete(f"/deployments/{other}")
    world.delete(f"/v2/concurrency_limits/{limit['id']}")
    events = world.life(deployment)
    assert_unbroken(events)
    assert updates(events[1]) == {"concurrency_limit_id": {"from": limit["id"], "to": None}}


def deleting_yields_one_deleted_event_and_deleting_again_yields_none(world: World) -> None:
    deployment = world.deploy(description="last words")
    world.delete(f"/deployments/{deployment}")
    world.delete(f"/deployments/{deployment}", 404)
    events = world.life(deployment)
    assert_unbroken(events)
    assert operations(events) == ["created", "deleted"]


def bulk_deletion_yields_one_event_for_each(world: World) -> None:
    deployments = [world.deploy(name=f"bulk{n}") for n in range(3)]
    body = {"deployments": {"id": {"any_": deployments}}}
    assert sorted(world.post("/deployments/bulk_delete", body)["deleted"]) == sorted(deployments)
    assert world.post("/deployments/bulk_delete", body)["deleted"] == []
    for deployment in deployments:
        assert operations(world.life(deployment)) == ["created", "deleted"]


def deleting_its_flow_deletes_a_deployment_with_its_event(world: World) -> None:
    deployment = world.deploy()
    world.delete(f"/flows/{world.flow()}")
    events = world.life(deployment)
    assert_unbroken(events)
    assert operations(events) == ["created", "deleted"]
    assert related(events[1]) == [("flow", world.name("etl"))]


def deleting_its_queue_yields_an_update(world: World) -> None:
    pool = world.pool()
    deployment = world.deploy(work_pool_name=pool, work_queue_name="fast")
    queue = world.client.get(f"/work_pools/{pool}/queues/fast").json()["id"]
    world.delete(f"/work_queues/{queue}")
    events = world.life(deployment)
    assert_unbroken(events)
    assert related(events[0]) == [("flow", world.name("etl")), ("work-queue", "fast"), ("work-pool", pool)]
    assert events[0]["related"][2]["prefect.work-pool.type"] == "process"
    assert updates(events[1]) == {"work_queue_id": {"from": queue, "to": None}}


def deleting_its_pool_yields_an_update(world: World) -> None:
    pool = world.pool()
    deployment = world.deploy(work_pool_name=pool)
    world.delete(f"/work_pools/{pool}")
    events = world.life(deployment)
    assert_unbroken(events)
    assert list(updates(events[1])) == ["work_queue_id"]
    assert world.client.get(f"/deployments/{deployment}").json()["work_pool_name"] is None


def a_changed_secret_appears_only_as_different_masks(world: World) -> None:
    secrets = ["s3cr3t-one", "s3cr3t-two", "s3cr3t-one"]
    deployment = world.deploy(job_variables={"env": {"PLAIN_NAME": secrets[0]}})
    for secret in secrets[1:]:
        world.patch(f"/deployments/{deployment}", {"job_variables": {"env": {"PLAIN_NAME": secret}}})
    events = world.life(deployment)
    assert_unbroken(events)
    assert "s3cr3t" not in str(events)
    first = events[0]["payload"]["fields"]["infra_overrides"]
    assert updates(events[2])["infra_overrides"]["to"] == first
    assert updates(events[1])["infra_overrides"]["to"] != first


SCENARIOS: Final[list[Callable[[World], None]]] = [
    creating_yields_one_created_event,
    an_unchanged_upsert_yields_nothing,
    a_changed_upsert_yields_its_diff,
    a_patch_yields_its_diff_and_an_unchanged_patch_yields_nothing,
    pausing_and_resuming_yield_events,
    each_schedule_route_yields_an_event,
    its_own_concurrency_limit_yields_events_when_set_changed_and_cleared,
    deleting_its_concurrency_limit_yields_an_update,
    deleting_yields_one_deleted_event_and_deleting_again_yields_none,
    bulk_deletion_yields_one_event_for_each,
    deleting_its_flow_deletes_a_deployment_with_its_event,
    deleting_its_queue_yields_an_update,
    deleting_its_pool_yields_an_update,
    a_changed_secret_appears_only_as_different_masks,
]
