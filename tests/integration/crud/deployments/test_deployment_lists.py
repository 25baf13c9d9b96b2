"""Filtering, paging and bulk-deleting deployments."""

from typing import Any

import pytest

from tests.world import World, operations


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
def test_a_filter_finds_the_matching_deployments(deployments: Any, found: list[str], world: World) -> None:
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


def test_pages_of_each_order_contain_every_deployment_once(world: World) -> None:
    names = [world.name(f"n{number}") for number in range(5)]
    for number in range(5):
        world.deploy(name=f"n{number}")
    pages = [world.post("/deployments/paginate", {"limit": 2, "page": page}) for page in (1, 2, 3)]
    assert [row["name"] for page in pages for row in page["results"]] == names
    assert {(page["count"], page["pages"], page["limit"]) for page in pages} == {(5, 3, 2)}
    for sort, expected in (("NAME_DESC", names[::-1]), ("CREATED_DESC", names[::-1]), ("UPDATED_DESC", names[::-1])):
        assert [row["name"] for row in world.post("/deployments/filter", {"sort": sort})] == expected
    assert [row["name"] for row in world.post("/deployments/filter", {"limit": 2, "offset": 1})] == names[1:3]


def test_a_limit_above_the_maximum_is_refused(world: World) -> None:
    assert "Invalid limit" in world.post("/deployments/filter", {"limit": 201}, 422)["detail"]
    world.post("/deployments/filter", {"limit": -1}, 422)


def test_list_routes_need_no_body(world: World) -> None:
    world.deploy()
    for path in ("filter", "count", "paginate"):
        assert world.client.post(f"/deployments/{path}").status_code == 200


@pytest.mark.parametrize("body", [None, {}, {"deployments": None}, {"deployments": {}}, {"deployments": {"id": {}}}])
def test_a_bulk_deletion_without_a_condition_deletes_nothing(body: Any, world: World) -> None:
    deployment = world.deploy()
    assert "which" in world.post("/deployments/bulk_delete", body, 422)["detail"]
    assert operations(world.life(deployment)) == ["created"]
