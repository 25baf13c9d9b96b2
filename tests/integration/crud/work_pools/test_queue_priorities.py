"""The priorities of work queues in their pool, over HTTP."""

from fastapi.testclient import TestClient

from tests.integration.registry import (
    make_pool,
    make_queue,
    priorities,
)
from tests.integration.side_by_side import all_at_once


def test_a_taken_priority_shifts_the_other_queues_down(client: TestClient) -> None:
    make_pool(client)
    make_queue(client, "q1")

    make_queue(client, "q2", priority=1)

    assert priorities(client) == {"q2": 1, "default": 2, "q1": 3}


def test_a_free_priority_shifts_no_queue_and_gaps_are_filled_first(client: TestClient) -> None:
    make_pool(client)
    make_queue(client, "far", priority=3)

    make_queue(client, "gap")
    make_queue(client, "end")

    assert priorities(client) == {"default": 1, "gap": 2, "far": 3, "end": 4}


def test_shifting_stops_at_the_first_gap(client: TestClient) -> None:
    make_pool(client)
    far = make_queue(client, "far", priority=5)

    make_queue(client, "first", priority=1)

    assert priorities(client) == {"first": 1, "default": 2, "far": 5}
    assert client.get(f"/work_queues/{far['id']}").json() == far


def test_twenty_concurrent_queues_get_twenty_priorities(client: TestClient) -> None:
    make_pool(client)

    all_at_once(20, lambda number: make_queue(client, f"q{number}", priority=1 if number % 2 else None))

    assert sorted(priorities(client).values()) == list(range(1, 22))


def test_a_queue_with_the_highest_priority_number_cannot_be_shifted(client: TestClient) -> None:
    make_pool(client)
    make_queue(client, "last", priority=2**31 - 1)

    answer = client.post("/work_pools/pool/queues", json={"name": "q", "priority": 2**31 - 1})

    assert answer.status_code == 422
    assert set(priorities(client)) == {"default", "last"}


def test_the_queues_of_a_pool_are_listed_by_priority_and_all_queues_by_name(client: TestClient) -> None:
    make_pool(client)
    make_queue(client, "b", priority=1)
    make_queue(client, "a")
    other = make_queue(client, "c", make_pool(client, "other")["name"])

    assert list(priorities(client)) == ["b", "default", "a"]
    everywhere = client.post("/work_queues/filter", json={}).json()
    assert [queue["name"] for queue in everywhere] == ["a", "b", "c", "default", "default"]
    assert client.post("/work_queues/filter", json={"work_queues": {"id": {"any_": [other["id"]]}}}).json() == [other]
    assert client.post("/work_queues/filter", json={"limit": 1, "offset": 2}).json() == [other]


def test_an_update_to_a_taken_priority_shifts_the_other_queues_down(client: TestClient) -> None:
    make_pool(client)
    make_queue(client, "q1")
    make_queue(client, "q2")

    assert client.patch("/work_pools/pool/queues/q2", json={"priority": 1}).status_code == 204

    assert priorities(client) == {"q2": 1, "default": 2, "q1": 3}


def test_concurrent_moves_to_one_priority_leave_each_queue_with_its_own(client: TestClient) -> None:
    make_pool(client)
    paths = [f"/work_queues/{make_queue(client, f'q{number}')['id']}" for number in range(6)]

    answers = all_at_once(6, lambda number: client.patch(paths[number], json={"priority": 1}).status_code)

    assert answers == [204] * 6
    places = list(priorities(client).values())
    assert len(set(places)) == 7
