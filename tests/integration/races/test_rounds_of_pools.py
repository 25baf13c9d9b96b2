"""Concurrent requests for the same flow, work pool or work queues, twenty rounds each."""

from functools import partial
from typing import Any

import httpx2
import pytest
from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from app.models import Flow, WorkPool
from tests.integration.races.racing import Races, statuses, unbroken_events
from tests.world import World, operations, updates

pytestmark = pytest.mark.slow


def lock_pool(name: str, session: Session) -> None:
    """Block the requests that delete this pool or change its queues."""
    session.execute(select(WorkPool.id).where(WorkPool.name == name).with_for_update()).one()


def block_flow_name(name: str, session: Session) -> None:
    """Block the requests that create a flow of this name: the name may be taken, until the rollback."""
    session.execute(insert(Flow).values(name=name))


def create_flow(world: World, name: str, _number: int) -> httpx2.Response:
    return world.client.post("/flows/", json={"name": name})


def delete_pool(world: World, pool: str, _number: int) -> httpx2.Response:
    return world.client.delete(f"/work_pools/{pool}")


def deploy_to(world: World, body: dict[str, Any], number: int) -> httpx2.Response:
    return world.client.post("/deployments/", json={**body, "name": f"d{number}"})


def insert_first(world: World, pool: str, number: int) -> httpx2.Response:
    return world.client.post(f"/work_pools/{pool}/queues", json={"name": f"q{number}", "priority": 1})


def move_first(world: World, ids: list[str], number: int) -> httpx2.Response:
    return world.client.patch(f"/work_queues/{ids[number]}", json={"priority": 1})


def make_queue(world: World, pool: str, name: str) -> str:
    return str(world.post(f"/work_pools/{pool}/queues", {"name": name}, 201)["id"])


def queues_of(world: World, pool: str) -> list[dict[str, Any]]:
    """Return the queues of the pool by priority."""
    queues: list[dict[str, Any]] = world.post(f"/work_pools/{pool}/queues/filter", {})
    return queues


def priority_changes(world: World, queue: dict[str, Any]) -> list[tuple[int, int]]:
    """Return the moves in the queue's events, after asserting that the last one leads to its priority."""
    events = unbroken_events(world, "work-queue", queue["id"])
    moves = [updates(event)["priority"] for event in events[1:]]
    assert [events[0]["payload"]["fields"]["priority"], *(move["to"] for move in moves)][-1] == queue["priority"]
    return [(move["from"], move["to"]) for move in moves]


def test_fifty_creations_of_a_flow_create_it_once_with_one_event(races: Races) -> None:
    for world in races.rounds():
        name = world.name("etl")

        answers = races.run(partial(block_flow_name, name), 50, partial(create_flow, world, name))

        assert statuses(answers) == [200] * 49 + [201]
        (flow,) = {answer.json()["id"] for answer in answers}
        assert world.client.get(f"/flows/name/{name}").json()["id"] == flow
        assert operations(unbroken_events(world, "flow", flow)) == ["created"]


def test_ten_deletions_of_a_pool_delete_it_once_with_one_event_for_each_resource(races: Races) -> None:
    for world in races.rounds():
        pool = world.pool()
        make_queue(world, pool, "q1")
        pool_id = world.client.get(f"/work_pools/{pool}").json()["id"]
        queues = [queue["id"] for queue in queues_of(world, pool)]
        deployment = world.deploy(work_pool_name=pool, work_queue_name="q1")

        answers = races.run(partial(lock_pool, pool), 10, partial(delete_pool, world, pool))

        assert statuses(answers) == [204] + [404] * 9
        assert world.client.get(f"/work_pools/{pool}").status_code == 404
        assert operations(unbroken_events(world, "work-pool", pool_id)) == ["created", "deleted"]
        assert [operations(unbroken_events(world, "work-queue", id_)) for id_ in queues] == [["created", "deleted"]] * 2
        events = unbroken_events(world, "deployment", deployment)
        assert operations(events) == ["created", "updated"]
        assert updates(events[1])["work_queue_id"]["to"] is None


def test_twenty_deployments_to_the_same_new_queue_create_it_once(races: Races) -> None:
    for world in races.rounds():
        pool = world.pool()
        body = {"flow_id": world.flow(), "work_pool_name": pool, "work_queue_name": "new"}

        answers = races.run(partial(lock_pool, pool), 20, partial(deploy_to, world, body))

        assert statuses(answers) == [201] * 20
        (queue,) = (found for found in queues_of(world, pool) if found["name"] == "new")
        assert operations(unbroken_events(world, "work-queue", queue["id"])) == ["created"]
        for answer in answers:
            (event,) = unbroken_events(world, "deployment", answer.json()["id"])
            assert event["payload"]["fields"]["work_queue_id"] == answer.json()["work_queue_id"] == queue["id"]


def test_ten_queues_with_the_first_priority_leave_no_gap_and_every_shift_has_an_event(races: Races) -> None:
    for world in races.rounds():
        pool = world.pool()

        answers = races.run(partial(lock_pool, pool), 10, partial(insert_first, world, pool))

        assert statuses(answers) == [201] * 10
        queues = queues_of(world, pool)
        assert [queue["priority"] for queue in queues] == list(range(1, 12))
        # The last created queue is first now and never moved; each earlier one has moved down once more.
        assert [priority_changes(world, queue) for queue in queues] == [
            [(place, place + 1) for place in range(1, last)] for last in range(1, 12)
        ]


def test_six_moves_to_the_first_priority_keep_priorities_unique_and_every_shift_has_an_event(races: Races) -> None:
    for world in races.rounds():
        pool = world.pool()
        ids = [make_queue(world, pool, f"q{number}") for number in range(6)]

        answers = races.run(partial(lock_pool, pool), 6, partial(move_first, world, ids))

        assert statuses(answers) == [204] * 6
        queues = queues_of(world, pool)
        assert queues[0]["priority"] == 1
        assert len({queue["priority"] for queue in queues}) == 7
        assert all(priority_changes(world, queue) for queue in queues)
