"""Flows over HTTP: deleting them with their deployments."""

from itertools import chain
from typing import Any
from uuid import uuid4

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine, event, select
from sqlalchemy.orm import Session, sessionmaker

from app.crud import deletions
from app.errors import InvalidRequest, NotFound
from app.models import Deployment, Tombstone
from app.schemas.filters import FlowFilter, IdFilter, TagFilter
from tests.guard import unguarded
from tests.integration.registry import (
    make_deployment,
    make_flow,
)
from tests.integration.side_by_side import all_at_once, while_blocked


def names(client: TestClient, **body: Any) -> list[str]:
    response = client.post("/flows/filter", json=body)
    assert response.status_code == 200, response.text
    return [flow["name"] for flow in response.json()]


def test_a_flow_is_deleted_with_its_deployments_and_its_tombstone_has_its_name(
    client: TestClient, sessions: sessionmaker[Session]
) -> None:
    flow = make_flow(client, "etl")
    deployment = make_deployment(client, flow, "nightly")

    assert client.delete(f"/flows/{flow['id']}").status_code == 204

    assert client.get(f"/deployments/{deployment['id']}").status_code == 404
    with sessions() as session:
        tombstone = session.scalars(select(Tombstone).where(Tombstone.kind == "flow")).one()
        assert (str(tombstone.id), tombstone.name, tombstone.revision) == (flow["id"], "etl", 2)


def test_of_ten_concurrent_deletions_of_a_flow_one_succeeds(client: TestClient) -> None:
    flow = make_flow(client, "etl")

    answers = all_at_once(10, lambda _: client.delete(f"/flows/{flow['id']}").status_code)

    assert sorted(answers) == [204] + [404] * 9


def test_a_deployment_that_is_written_during_the_deletion_of_its_flow_is_deleted_too(
    client: TestClient, sessions: sessionmaker[Session], engine: Engine
) -> None:
    flow = make_flow(client, "etl")

    with sessions() as writing:
        with unguarded(writing):
            writing.add(Deployment(name="nightly", flow_id=flow["id"]))
        with while_blocked(engine, lambda: client.delete(f"/flows/{flow['id']}").status_code) as deletion:
            writing.commit()

    assert deletion.result() == 204
    assert client.post("/deployments/filter", json={}).json() == []


def test_a_bulk_deletion_deletes_the_matching_flows_and_returns_their_ids(client: TestClient) -> None:
    gone = [make_flow(client, name)["id"] for name in ("old-1", "old-2")]
    make_flow(client, "new")

    answer = client.post("/flows/bulk_delete", json={"flows": {"name": {"like_": "old"}}})

    assert (answer.status_code, answer.json()) == (200, {"deleted": sorted(gone)})
    assert names(client) == ["new"]


def test_a_bulk_deletion_stops_at_its_limit(client: TestClient) -> None:
    for name in ("old-b", "old-a", "old-c"):
        make_flow(client, name)

    client.post("/flows/bulk_delete", json={"flows": {"name": {"like_": "old"}}, "limit": 2})

    assert names(client) == ["old-c"]


@pytest.mark.parametrize("body", [{}, {"flows": None}, {"flows": {}}, {"flows": {"operator": "or_", "tags": {}}}])
def test_a_bulk_deletion_without_a_condition_deletes_nothing(client: TestClient, body: dict[str, Any]) -> None:
    make_flow(client, "etl")

    answer = client.post("/flows/bulk_delete", json=body)

    assert answer.status_code == 422
    assert "condition" in answer.json()["detail"]
    assert names(client) == ["etl"]


@pytest.mark.parametrize("limit", [0, 51])
def test_a_bulk_deletion_has_a_limit_of_1_to_50_flows(client: TestClient, limit: int) -> None:
    assert client.post("/flows/bulk_delete", json={"flows": {"name": {"any_": []}}, "limit": limit}).status_code == 422


def test_concurrent_bulk_deletions_report_each_flow_once(client: TestClient) -> None:
    ids = [make_flow(client, f"old-{number}")["id"] for number in range(5)]
    body = {"flows": {"id": {"any_": ids}}}

    answers = all_at_once(8, lambda _: client.post("/flows/bulk_delete", json=body).json()["deleted"])

    assert sorted(chain.from_iterable(answers)) == sorted(ids)


def test_an_unknown_flow_and_a_bulk_deletion_without_a_condition_are_refused(sessions: sessionmaker[Session]) -> None:
    with sessions() as session:
        with pytest.raises(NotFound, match="Flow not found"):
            deletions.delete_flow(session, uuid4())
        with pytest.raises(InvalidRequest):
            deletions.delete_flows(session, FlowFilter(id=IdFilter()), 50)


def test_a_bulk_deletion_keeps_a_flow_that_no_longer_matches(
    client: TestClient, sessions: sessionmaker[Session], engine: Engine
) -> None:
    flow = make_flow(client, "etl", tags=["old"])

    def change_tags_after_the_selection(*_call: Any) -> None:
        client.patch(f"/flows/{flow['id']}", json={"tags": ["kept"]})

    with sessions.begin() as session:
        event.listen(engine, "after_cursor_execute", change_tags_after_the_selection, once=True)
        deleted = deletions.delete_flows(session, FlowFilter(tags=TagFilter(all_=["old"])), 50)

    assert deleted == []
    assert client.get(f"/flows/{flow['id']}").json()["tags"] == ["kept"]
