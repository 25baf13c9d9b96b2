"""Global concurrency limits over HTTP: creating, reading and updating."""

from typing import Any
from uuid import uuid4

import pytest
from fastapi.testclient import TestClient

from tests.integration.registry import (
    LIMITS,
    make_limit,
)
from tests.integration.side_by_side import all_at_once


def test_a_new_limit_is_returned_with_all_its_numbers(client: TestClient) -> None:
    recorded: dict[str, Any] = {"active": True, "active_slots": 0, "slot_decay_per_second": 0.0}

    limit = make_limit(client, **recorded)

    for key in ("id", "created", "updated"):
        assert limit.pop(key)
    assert limit == {**recorded, "name": "g1", "limit": 5, "denied_slots": 0, "avg_slot_occupancy_seconds": 2.0}


def test_a_limit_is_read_by_name_and_by_id_with_fewer_fields(client: TestClient) -> None:
    limit = make_limit(client, slot_decay_per_second=0.5, active=False)
    for key in ("denied_slots", "avg_slot_occupancy_seconds"):
        del limit[key]

    assert client.get(f"{LIMITS}/g1").json() == limit
    assert client.get(f"{LIMITS}/{limit['id']}").json() == limit


def test_a_limit_whose_name_looks_like_an_id_is_found_by_name(client: TestClient) -> None:
    name = str(uuid4())

    assert client.get(f"{LIMITS}/{make_limit(client, name)['name']}").json()["name"] == name


def test_a_taken_name_is_a_conflict(client: TestClient) -> None:
    make_limit(client)

    again = client.post(f"{LIMITS}/", json={"name": "g1", "limit": 9})

    assert (again.status_code, again.json()) == (
        409,
        {"detail": "A concurrency limit with this name already exists."},
    )
    assert client.get(f"{LIMITS}/g1").json()["limit"] == 5


def test_of_twenty_concurrent_creations_one_succeeds(client: TestClient) -> None:
    answers = all_at_once(20, lambda _: client.post(f"{LIMITS}/", json={"name": "g", "limit": 1}).status_code)

    assert sorted(answers) == [201] + [409] * 19


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "a/b"},
        {"limit": -1},
        {"limit": None},
        {"limit": 2**31},
        {"active_slots": -1},
        {"slot_decay_per_second": -0.1},
        {"slot_decay_per_second": "Infinity"},
        {"slots": 1},
    ],
)
def test_an_invalid_value_is_refused_on_creation_and_on_change(client: TestClient, wrong: dict[str, Any]) -> None:
    make_limit(client)

    assert client.post(f"{LIMITS}/", json={"name": "g2", "limit": 1, **wrong}).status_code == 422
    assert client.patch(f"{LIMITS}/g1", json=wrong).status_code == 422


def test_an_unknown_limit_is_not_found(client: TestClient) -> None:
    for key in ("none", str(uuid4())):
        for answer in (
            client.get(f"{LIMITS}/{key}"),
            client.patch(f"{LIMITS}/{key}", json={"limit": 1}),
            client.delete(f"{LIMITS}/{key}"),
        ):
            assert (answer.status_code, answer.json()) == (404, {"detail": "Concurrency Limit not found"})


def test_limits_are_listed_by_name_with_limit_and_offset(client: TestClient) -> None:
    for name in ("c", "a", "b"):
        make_limit(client, name)

    recorded = client.post(f"{LIMITS}/filter", json={"limit": 100, "offset": 0}).json()
    window = client.post(f"{LIMITS}/filter", json={"limit": 1, "offset": 1}).json()

    assert [limit["name"] for limit in recorded] == ["a", "b", "c"]
    assert [limit["name"] for limit in window] == ["b"]
    assert len(client.post(f"{LIMITS}/filter").json()) == 3


def test_a_change_is_stored_with_a_later_time(client: TestClient) -> None:
    limit = make_limit(client)
    changes = {"name": "g2", "limit": 9, "active": False, "active_slots": 1, "slot_decay_per_second": 1.5}

    assert client.patch(f"{LIMITS}/g1", json=changes).status_code == 204

    after = client.get(f"{LIMITS}/g2").json()
    assert after.items() >= changes.items()
    assert after["updated"] > limit["updated"]


@pytest.mark.parametrize("body", [{}, {"limit": 5}, {"name": "g1", "active": True, "slot_decay_per_second": 0}])
def test_an_update_without_a_difference_leaves_the_limit_unchanged(client: TestClient, body: dict[str, Any]) -> None:
    make_limit(client)
    before = client.get(f"{LIMITS}/g1").json()

    assert client.patch(f"{LIMITS}/g1", json=body).status_code == 204

    assert client.get(f"{LIMITS}/g1").json() == before


def test_a_rename_to_a_taken_name_is_a_conflict(client: TestClient) -> None:
    make_limit(client, "g1")
    make_limit(client, "g2")

    answer = client.patch(f"{LIMITS}/g1", json={"name": "g2"})

    assert (answer.status_code, answer.json()) == (
        409,
        {"detail": "A concurrency limit with this name already exists."},
    )
