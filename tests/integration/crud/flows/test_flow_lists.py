"""Flows over HTTP: filtering, sorting, counting and paging."""

from itertools import chain
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy.orm import Session, sessionmaker

from app.models import Flow
from tests.guard import unguarded
from tests.integration.registry import make_deployment, make_flow


def names(client: TestClient, **body: Any) -> list[str]:
    response = client.post("/flows/filter", json=body)
    assert response.status_code == 200, response.text
    return [flow["name"] for flow in response.json()]


@pytest.fixture
def three_flows(client: TestClient) -> dict[str, dict[str, Any]]:
    """Three flows; the first has two deployments, one of them in a pool."""
    found = {
        "Alpha_1": make_flow(client, "Alpha_1", tags=["x", "y"]),
        "beta": make_flow(client, "beta", tags=["y"]),
        "gamma": make_flow(client, "gamma"),
    }
    assert client.post("/work_pools/", json={"name": "pool", "type": "process"}).status_code == 201
    make_deployment(client, found["Alpha_1"], "nightly", work_pool_name="pool", tags=["t"])
    make_deployment(client, found["Alpha_1"], "plain", paused=True)
    return found


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({}, ["Alpha_1", "beta", "gamma"]),
        ({"name": {"any_": ["beta", "none"]}}, ["beta"]),
        ({"name": {"any_": []}}, []),
        ({"name": {"like_": "ALPHA"}}, ["Alpha_1"]),
        ({"name": {"like_": "_"}}, ["Alpha_1"]),
        ({"name": {"like_": "%"}}, []),
        ({"tags": {"all_": ["y"]}}, ["Alpha_1", "beta"]),
        ({"tags": {"all_": ["y", "x"]}}, ["Alpha_1"]),
        ({"tags": {"is_null_": True}}, ["gamma"]),
        ({"tags": {"is_null_": False}}, ["Alpha_1", "beta"]),
        ({"tags": {"operator": "or_", "all_": ["x"], "is_null_": True}}, ["Alpha_1", "gamma"]),
        ({"deployment": {"is_null_": True}}, ["beta", "gamma"]),
        ({"deployment": {"is_null_": False}}, ["Alpha_1"]),
        ({"deployment": None, "id": None, "name": None, "tags": None}, ["Alpha_1", "beta", "gamma"]),
        ({"operator": "or_", "name": {"any_": ["beta"]}, "tags": {"is_null_": True}}, ["beta", "gamma"]),
        ({"operator": "and_", "name": {"any_": ["beta"]}, "tags": {"is_null_": True}}, []),
        ({"operator": "or_", "name": {"any_": ["Alpha_1", "beta"], "like_": "a_"}}, ["Alpha_1"]),
    ],
)
def test_a_flow_filter_selects(
    client: TestClient, three_flows: dict[str, dict[str, Any]], wanted: dict[str, Any], expected: list[str]
) -> None:
    assert sorted(names(client, flows=wanted)) == expected
    assert client.post("/flows/count", json={"flows": wanted}).json() == len(expected)


def test_a_flow_filter_selects_by_id(client: TestClient, three_flows: dict[str, dict[str, Any]]) -> None:
    beta = three_flows["beta"]["id"]

    assert names(client, flows={"id": {"any_": [beta, beta]}}) == ["beta"]
    assert sorted(names(client, flows={"id": {"not_any_": [beta]}})) == ["Alpha_1", "gamma"]
    assert len(names(client, flows={"id": {"not_any_": []}})) == 3


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"deployments": {"name": {"any_": ["nightly"]}}}, ["Alpha_1"]),
        ({"deployments": {"name": {"any_": ["none"]}}}, []),
        ({"deployments": {"name": {"like_": "PLA"}}}, ["Alpha_1"]),
        ({"deployments": {"paused": {"eq_": True}, "name": {"any_": ["nightly"]}}}, []),
        ({"deployments": {"paused": {"eq_": False}}}, ["Alpha_1"]),
        ({"deployments": {"tags": {"any_": ["t", "u"]}}}, ["Alpha_1"]),
        ({"deployments": {"tags": {"any_": ["u"]}}}, []),
        ({"deployments": {"work_queue_name": {"any_": ["default"]}}}, ["Alpha_1"]),
        ({"deployments": {"work_queue_name": {"any_": ["other"]}}}, []),
        ({"deployments": {"flow_or_deployment_name": {"like_": "alpha_1/night"}}}, ["Alpha_1"]),
        ({"deployments": {"flow_or_deployment_name": {"like_": "beta/night"}}}, []),
        ({"deployments": {"flow_or_deployment_name": {"like_": "ALPHA"}}}, ["Alpha_1"]),
        ({"deployments": {"flow_or_deployment_name": {"like_": "beta"}}}, []),
        ({"deployments": {"concurrency_limit": {"ge_": 1}}}, ["Alpha_1"]),
        ({"work_pools": {"name": {"any_": ["pool"]}}}, ["Alpha_1"]),
        ({"work_pools": {"name": {"any_": ["other"]}}}, []),
        ({"work_pools": {"type": {"any_": ["process"]}}, "deployments": {"name": {"any_": ["plain"]}}}, []),
        ({"flows": {"name": {"any_": ["beta"]}}, "deployments": {"name": {"any_": ["plain"]}}}, []),
    ],
)
def test_flows_are_selected_by_their_deployments_and_pools(
    client: TestClient, three_flows: dict[str, dict[str, Any]], filters: dict[str, Any], expected: list[str]
) -> None:
    assert names(client, **filters) == expected


def test_flows_are_sorted_as_asked(client: TestClient) -> None:
    for name in ("b", "a", "c"):
        make_flow(client, name)
    client.patch(f"/flows/{client.get('/flows/name/a').json()['id']}", json={"tags": ["late"]})

    orders = {sort: names(client, sort=sort) for sort in ("CREATED_DESC", "UPDATED_DESC", "NAME_ASC", "NAME_DESC")}

    assert orders == {
        "CREATED_DESC": ["c", "a", "b"],
        "UPDATED_DESC": ["a", "c", "b"],
        "NAME_ASC": ["a", "b", "c"],
        "NAME_DESC": ["c", "b", "a"],
    }


def test_flows_created_at_the_same_instant_have_a_fixed_order(
    client: TestClient, sessions: sessionmaker[Session]
) -> None:
    same = make_flow(client, "first")["created"]
    with sessions.begin() as session, unguarded(session):
        session.add_all([Flow(name=f"f{number}", created=same) for number in range(20)])

    paged = [names(client, sort="CREATED_DESC", limit=7, offset=offset) for offset in (0, 7, 14)]

    assert len(set(chain.from_iterable(paged))) == 21


def test_the_recorded_body_of_prefects_command_line_is_accepted(client: TestClient) -> None:
    flow = make_flow(client, "hello-flow")
    ids = {"operator": "and_", "id": {"any_": [flow["id"], flow["id"]]}, "name": None, "tags": None}
    others = dict.fromkeys(["flow_runs", "task_runs", "deployments", "work_pools", "work_queues", "sort", "limit"])

    assert names(client, flows=ids, offset=0, **others) == ["hello-flow"]


@pytest.mark.parametrize("stated", [{"flow_runs": {"name": {"any_": ["a"]}}}, {"task_runs": {}}], ids=str)
@pytest.mark.parametrize("kind", ["flows", "deployments"])
def test_nothing_matches_a_filter_on_runs_because_there_are_none(
    kind: str, stated: dict[str, Any], client: TestClient
) -> None:
    flow = make_flow(client, "etl")
    client.post("/deployments/", json={"name": "nightly", "flow_id": flow["id"]})

    assert client.post(f"/{kind}/count", json={}).json() == 1
    assert client.post(f"/{kind}/count", json=stated).json() == 0
    assert client.post(f"/{kind}/filter", json=stated).json() == []
    assert client.post(f"/{kind}/paginate", json=stated).json()["count"] == 0


def test_without_a_body_every_flow_is_listed_and_counted(client: TestClient) -> None:
    make_flow(client, "etl")

    assert [flow["name"] for flow in client.post("/flows/filter").json()] == ["etl"]
    assert client.post("/flows/count").json() == 1
    assert client.post("/flows/count", content="null", headers={"content-type": "application/json"}).json() == 1


def test_limit_and_offset_select_a_part_of_the_list(client: TestClient) -> None:
    for name in "abcd":
        make_flow(client, name)

    assert names(client, limit=2, offset=1) == ["b", "c"]
    assert names(client, limit=0) == []


def test_a_limit_above_200_is_refused_with_prefects_message(client: TestClient) -> None:
    for path in ("filter", "paginate"):
        response = client.post(f"/flows/{path}", json={"limit": 201})

        assert response.status_code == 422
        assert response.json() == {"detail": "Invalid limit: must be less than or equal to 200."}


@pytest.mark.parametrize(
    "body",
    [
        {"limit": -1},
        {"offset": -1},
        {"offset": 10**30},
        {"sort": "SIZE"},
        {"flows": {"title": {}}},
        {"flows": {"name": {"is_": "x"}}},
        {"flows": {"operator": "xor_"}},
        {"flows": {"name": {"like_": "\0"}}},
        [],
    ],
)
def test_an_invalid_query_is_refused(client: TestClient, body: Any) -> None:
    assert client.post("/flows/filter", json=body).status_code == 422


def test_a_page_contains_its_number_and_the_count(client: TestClient) -> None:
    for name in "abc":
        make_flow(client, name)

    page = client.post("/flows/paginate", json={"limit": 2, "page": 2, "sort": "NAME_ASC"}).json()

    assert [flow["name"] for flow in page.pop("results")] == ["c"]
    assert page == {"count": 3, "limit": 2, "pages": 2, "page": 2}
    assert client.post("/flows/paginate", json={"limit": 0}).json()["pages"] == 0
