"""What a change brings about elsewhere is told too: limits and deployments that go, queues that make room."""

from tests.world import World, assert_unbroken, operations, updates


def test_the_own_limit_of_a_deployment_is_told_when_it_is_set_changed_and_cleared(world: World) -> None:
    deployment = world.deploy()
    path = f"/deployments/{deployment}"
    world.patch(path, {"concurrency_limit": 3})
    limit = world.client.get(path).json()["global_concurrency_limit"]["id"]

    world.patch(path, {"concurrency_limit": 4})
    world.patch(path, {"concurrency_limit": None})

    events = world.life(limit, "concurrency-limit")
    assert_unbroken(events)
    assert operations(events) == ["created", "updated", "deleted"]
    assert events[0]["payload"]["fields"]["limit"] == 3
    assert updates(events[1]) == {"limit": {"from": 3, "to": 4}}
    assert [updates(event)["concurrency_limit"]["to"] for event in world.life(deployment)[1:]] == [3, 4, None]


def test_a_limit_that_deployments_share_is_never_told_of_by_one_of_them(world: World) -> None:
    limit = world.post("/v2/concurrency_limits/", {"name": world.name("shared"), "limit": 5}, 201)["id"]
    deleted, cleared, numbered, keeping = (
        world.deploy(name=name, global_concurrency_limit_id=limit) for name in ("a", "b", "c", "d")
    )

    world.delete(f"/deployments/{deleted}")
    world.patch(f"/deployments/{cleared}", {"concurrency_limit": None})
    world.patch(f"/deployments/{numbered}", {"concurrency_limit": 9})

    assert operations(world.life(limit, "concurrency-limit")) == ["created"]
    assert operations(world.life(keeping)) == ["created"]
    shared = world.client.get(f"/deployments/{keeping}").json()["global_concurrency_limit"]
    assert (shared["id"], shared["limit"]) == (limit, 5)


def test_a_queue_that_makes_room_is_told_to_have_moved(world: World) -> None:
    pool = world.pool()
    default = world.client.get(f"/work_pools/{pool}/queues/default").json()["id"]
    last = world.post(f"/work_pools/{pool}/queues", {"name": "last"}, 201)["id"]

    world.post(f"/work_pools/{pool}/queues", {"name": "first", "priority": 1}, 201)
    world.patch(f"/work_queues/{last}", {"priority": 1})

    events = world.life(default, "work-queue")
    assert_unbroken(events)
    moves = [updates(event) for event in events[1:]]
    assert moves == [{"priority": {"from": 1, "to": 2}}, {"priority": {"from": 2, "to": 3}}]


def test_deployments_that_go_with_several_flows_are_each_told(world: World) -> None:
    lives = [world.deploy(flow=flow, name=name) for flow, name in (("a", "1"), ("a", "2"), ("b", "1"))]
    flows = [world.flow("a"), world.flow("b")]

    answer = world.post("/flows/bulk_delete", {"flows": {"id": {"any_": flows}}})

    assert sorted(answer["deleted"]) == sorted(flows)
    assert [operations(world.life(deployment)) for deployment in lives] == [["created", "deleted"]] * 3
    assert [operations(world.life(flow, "flow")) for flow in flows] == [["created", "deleted"]] * 2
