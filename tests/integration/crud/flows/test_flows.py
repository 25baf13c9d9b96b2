"""Flows over HTTP: creating, reading and updating."""

from typing import Any
from uuid import uuid4

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine, event
from sqlalchemy.orm import Session, sessionmaker

from app.crud import flows
from tests.integration.registry import make_flow
from tests.integration.side_by_side import all_at_once


def test_a_new_flow_is_returned_with_201_in_the_wire_format(client: TestClient) -> None:
    flow = make_flow(client, "etl", tags=["a", "b", "a"], labels={"team": "x", "n": 1, "on": True})

    assert list(flow) == ["id", "created", "updated", "name", "tags", "labels"]
    assert (flow["tags"], flow["labels"]) == (["a", "b"], {"team": "x", "n": 1, "on": True})
    assert flow["created"].endswith("Z")


def test_a_repeated_creation_returns_200_and_does_not_change_the_flow(client: TestClient) -> None:
    flow = make_flow(client, "etl", tags=["a"])

    again = client.post("/flows/", json={"name": "etl", "tags": ["b"], "labels": {"c": "d"}})

    assert (again.status_code, again.json()) == (200, flow)


def test_twenty_concurrent_creations_create_one_flow_and_one_gets_201(client: TestClient) -> None:
    answers = all_at_once(20, lambda _: client.post("/flows/", json={"name": "etl"}))

    assert sorted(answer.status_code for answer in answers) == [200] * 19 + [201]
    assert len({answer.json()["id"] for answer in answers}) == 1


def test_a_flow_that_is_deleted_between_conflict_and_read_is_created_again(
    client: TestClient, sessions: sessionmaker[Session], engine: Engine
) -> None:
    old = make_flow(client, "etl")

    def delete_after_the_conflict(*call: Any) -> None:
        assert "INSERT INTO flow" in call[2]
        assert client.delete(f"/flows/{old['id']}").status_code == 204

    with sessions.begin() as session:
        event.listen(engine, "after_cursor_execute", delete_after_the_conflict, once=True)
        flow, created = flows.get_or_create_flow(session, "etl")

    assert created
    assert str(flow.id) != old["id"]


@pytest.mark.parametrize("name", ["", "a/b", "a%b", "a&b", "a>b", "a<b", "a\0b", "x" * 501, "\ud800"])
def test_an_invalid_name_is_refused(client: TestClient, name: str) -> None:
    body = '{"name": ' + ascii(name).replace("'", '"').replace("\\x00", "\\u0000") + "}"

    response = client.post("/flows/", content=body, headers={"content-type": "application/json"})

    assert response.status_code == 422
    assert response.json()["exception_detail"][0]["loc"] == ["body", "name"]


def test_the_longest_name_fits_the_index_in_every_script(client: TestClient) -> None:
    # Characters beyond the basic plane take four bytes, and these do not compress.
    name = "".join(chr(0x10000 + (number * 7919) % 50_000) for number in range(500))

    assert make_flow(client, name)["name"] == name


def test_an_unknown_key_in_a_creation_is_refused(client: TestClient) -> None:
    assert client.post("/flows/", json={"name": "etl", "tag": ["typo"]}).status_code == 422


def test_a_flow_is_read_by_id_and_by_name(client: TestClient) -> None:
    flow = make_flow(client, "etl daily")

    assert client.get(f"/flows/{flow['id']}").json() == flow
    assert client.get("/flows/name/etl daily").json() == flow


def test_an_unknown_flow_is_not_found(client: TestClient) -> None:
    for response in (
        client.get(f"/flows/{uuid4()}"),
        client.get("/flows/name/none"),
        client.patch(f"/flows/{uuid4()}", json={"tags": []}),
        client.patch(f"/flows/{uuid4()}", json={}),
        client.delete(f"/flows/{uuid4()}"),
    ):
        assert (response.status_code, response.json()) == (404, {"detail": "Flow not found"})


def test_an_invalid_name_in_the_path_is_refused_with_a_message(client: TestClient) -> None:
    response = client.get("/flows/name/a%00b")

    assert response.status_code == 422
    assert "NUL" in response.json()["exception_detail"][0]["msg"]


def test_a_change_of_tags_is_stored_with_a_later_time(client: TestClient) -> None:
    flow = make_flow(client, "etl", tags=["a"])

    assert client.patch(f"/flows/{flow['id']}", json={"tags": ["b"]}).status_code == 204

    after = client.get(f"/flows/{flow['id']}").json()
    assert after["tags"] == ["b"]
    assert after["updated"] > flow["updated"]


@pytest.mark.parametrize("body", [{}, {"tags": ["b", "a"]}, {"tags": ["a", "b", "a"]}])
def test_an_update_without_a_difference_leaves_the_flow_unchanged(client: TestClient, body: dict[str, Any]) -> None:
    flow = make_flow(client, "etl", tags=["a", "b"])

    assert client.patch(f"/flows/{flow['id']}", json=body).status_code == 204

    assert client.get(f"/flows/{flow['id']}").json() == flow


def test_only_the_tags_of_a_flow_can_be_changed(client: TestClient) -> None:
    flow = make_flow(client, "etl")

    assert client.patch(f"/flows/{flow['id']}", json={"name": "other"}).status_code == 422


def test_a_flow_that_is_created_by_name_has_no_tags_or_labels(sessions: sessionmaker[Session]) -> None:
    with sessions() as session:
        flow, created = flows.get_or_create_flow(session, "etl")

        assert (flow.tags, flow.labels, created) == ([], {}, True)
