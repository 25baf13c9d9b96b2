"""Tag limits over HTTP. Each is stored as a global limit, without a second copy."""

from typing import Any
from uuid import uuid4

import pytest
from fastapi.testclient import TestClient

from tests.integration.registry import LIMITS, make_limit
from tests.integration.side_by_side import all_at_once

TAGS = "/concurrency_limits"


def make_tag_limit(client: TestClient, tag: str = "db", limit: int = 3) -> dict[str, Any]:
    response = client.post(f"{TAGS}/", json={"tag": tag, "concurrency_limit": limit})
    assert response.status_code == 201, response.text
    answer: dict[str, Any] = response.json()
    return answer


def test_a_tag_limit_is_returned_in_the_wire_format(client: TestClient) -> None:
    limit = make_tag_limit(client)

    assert client.get(f"{TAGS}/tag/db").json() == client.get(f"{TAGS}/{limit['id']}").json() == limit
    for key in ("id", "created", "updated"):
        assert limit.pop(key)
    assert limit == {"tag": "db", "concurrency_limit": 3, "active_slots": []}


def test_a_tag_limit_is_the_global_limit_of_that_name(client: TestClient) -> None:
    limit = make_tag_limit(client)

    stored = client.get(f"{LIMITS}/tag:db").json()

    assert (stored["id"], stored["limit"], stored["active"]) == (limit["id"], 3, True)


def test_creating_a_tag_limit_again_changes_it(client: TestClient) -> None:
    limit = make_tag_limit(client)

    again = client.post(f"{TAGS}/", json={"tag": "db", "concurrency_limit": 7})

    assert (again.status_code, again.json()["id"], again.json()["concurrency_limit"]) == (200, limit["id"], 7)


def test_of_twenty_concurrent_creations_one_creates_the_limit(client: TestClient) -> None:
    body = {"tag": "db", "concurrency_limit": 3}

    answers = all_at_once(20, lambda _: client.post(f"{TAGS}/", json=body).status_code)

    assert sorted(answers) == [200] * 19 + [201]


def test_only_tag_limits_are_listed_by_tag(client: TestClient) -> None:
    make_limit(client, "g1")
    make_limit(client, "tagged")
    for tag in ("b", "a"):
        make_tag_limit(client, tag)

    assert [limit["tag"] for limit in client.post(f"{TAGS}/filter", json={}).json()] == ["a", "b"]
    assert [limit["tag"] for limit in client.post(f"{TAGS}/filter", json={"limit": 1, "offset": 1}).json()] == ["b"]


def test_a_reset_frees_the_slots_of_a_tag_limit(client: TestClient) -> None:
    make_tag_limit(client)
    client.patch(f"{LIMITS}/tag:db", json={"active_slots": 2})

    answer = client.post(f"{TAGS}/tag/db/reset", json={"slot_override": None})

    assert (answer.status_code, answer.json()) == (200, None)
    assert client.get(f"{LIMITS}/tag:db").json()["active_slots"] == 0


def test_no_task_run_can_take_a_slot(client: TestClient) -> None:
    make_tag_limit(client)

    assert client.post(f"{TAGS}/tag/db/reset", json={"slot_override": [str(uuid4())]}).status_code == 501


@pytest.mark.parametrize("by", ["tag", "id"])
def test_a_tag_limit_is_deleted_once(by: str, client: TestClient) -> None:
    limit = make_tag_limit(client)
    path = f"{TAGS}/tag/db" if by == "tag" else f"{TAGS}/{limit['id']}"

    first, second = client.delete(path), client.delete(path)

    assert (first.status_code, first.json()) == (200, None)
    assert (second.status_code, second.json()) == (404, {"detail": "Concurrency limit not found"})


def test_a_global_limit_is_not_a_tag_limit(client: TestClient) -> None:
    other = make_limit(client, "g1")

    assert client.get(f"{TAGS}/{other['id']}").status_code == 404
    assert client.delete(f"{TAGS}/{other['id']}").status_code == 404
    assert client.get(f"{LIMITS}/g1").status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        {"tag": "db"},
        {"tag": "", "concurrency_limit": 1},
        {"tag": "db", "concurrency_limit": -1},
        {"tag": "x" * 497, "concurrency_limit": 1},
    ],
)
def test_an_invalid_tag_limit_is_refused(body: dict[str, Any], client: TestClient) -> None:
    assert client.post(f"{TAGS}/", json=body).status_code == 422
