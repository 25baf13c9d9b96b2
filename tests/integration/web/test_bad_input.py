"""Bad input gets a 4xx response in Prefect's format with the reason. It causes no 500, no stored row and no event."""

import json
from typing import Any

import pytest
from sqlalchemy import func, select, text

from app.models import Deployment, EventRow, Flow, SnapshotRow, Tombstone, WorkPool
from tests.integration.client_event import a_client_event
from tests.world import World

CREATING_ROUTES = ["/flows/", "/deployments/", "/work_pools/", "/work_queues/", "/v2/concurrency_limits/"]
LISTING_ROUTES = ["/flows/filter", "/deployments/filter", "/work_pools/filter", "/work_queues/filter", "/events/filter"]


@pytest.fixture(autouse=True)
def _nothing_is_stored(world: World) -> Any:
    """Check after each test that the registry and the log are still empty."""
    yield
    with world.sessions() as session:
        for model in (Flow, Deployment, WorkPool, SnapshotRow):
            assert session.scalar(select(func.count()).select_from(model)) == 0, model.__name__
        # A test may create a flow and delete it again.
        gone = select(func.concat("prefect.flow.", Tombstone.id))
        assert session.scalars(select(EventRow).where(EventRow.resource_id.not_in(gone))).all() == []


def is_refused_with_a_reason(response: Any) -> bool:
    """Return whether this is a 4xx with a text, in one of Prefect's shapes."""
    body = response.json()
    text = body.get("detail") or (body.get("exception_message") and body.get("exception_detail"))
    return 400 <= response.status_code < 500 and bool(text)


@pytest.mark.parametrize("route", CREATING_ROUTES + LISTING_ROUTES)
@pytest.mark.parametrize("content", [b"{", b"[]", b"null!", b'"text"', b"\xff\xfe", b'{"a": ', b"[" * 100_000])
def test_malformed_json_is_refused(route: str, content: bytes, world: World) -> None:
    response = world.client.post(route, content=content, headers={"content-type": "application/json"})
    assert is_refused_with_a_reason(response), response.text


@pytest.mark.parametrize("route", CREATING_ROUTES)
def test_an_unknown_key_is_refused_by_name(route: str, world: World) -> None:
    body = {"name": "x", "type": "process", "limit": 1, "flow_id": "00000000-0000-0000-0000-000000000001", "typo": 1}
    response = world.client.post(route, json=body)
    assert response.status_code == 422
    assert "typo" in response.text


@pytest.mark.parametrize("route", CREATING_ROUTES)
@pytest.mark.parametrize("name", ["a/b", "a%b", "a&b", "a>b", "a<b", "a\0b", "x" * 5000, "\ud800", 7, None, ["x"]])
def test_an_invalid_name_is_refused(route: str, name: Any, world: World) -> None:
    body = {"name": name}
    required: dict[str, dict[str, Any]] = {
        "/deployments/": {"flow_id": "00000000-0000-0000-0000-000000000001"},
        "/work_pools/": {"type": "process"},
        "/v2/concurrency_limits/": {"limit": 1},
    }
    content = json.dumps({**body, **required.get(route, {})})
    response = world.client.post(route, content=content, headers={"content-type": "application/json"})
    assert is_refused_with_a_reason(response), response.text


@pytest.mark.parametrize(
    "value",
    ['"a\\u0000b"', '"\\ud800"', '{"deep": {"x": "a\\u0000b"}}', "NaN", "Infinity", "-Infinity", "1e999"],
)
@pytest.mark.parametrize("key", ["parameters", "job_variables"])
def test_a_value_that_cannot_be_stored_is_refused(key: str, value: str, world: World) -> None:
    flow = world.flow()
    content = f'{{"name": "d", "flow_id": "{flow}", "{key}": {{"a": {value}}}}}'
    response = world.client.post("/deployments/", content=content, headers={"content-type": "application/json"})
    world.delete(f"/flows/{flow}")
    assert is_refused_with_a_reason(response), response.text


@pytest.mark.parametrize("route", CREATING_ROUTES)
def test_a_body_of_ten_megabytes_is_refused(route: str, world: World) -> None:
    response = world.client.post(route, json={"name": "x" * 10_000_000})
    assert response.status_code == 413
    assert "larger than" in response.json()["detail"]


def test_a_large_body_that_does_not_declare_its_size_is_refused(world: World) -> None:
    pieces = (b"x" * 1_000_000 for _ in range(10))
    response = world.client.post("/flows/", content=pieces, headers={"content-type": "application/json"})
    assert response.status_code == 413


@pytest.mark.parametrize(
    "path", ["/deployments/nonsense", "/flows/123", "/work_queues/x", "/deployments/nonsense/schedules", "/flows/%00"]
)
def test_an_invalid_id_is_not_found(path: str, world: World) -> None:
    response = world.client.get(path)
    assert response.status_code == 404
    assert is_refused_with_a_reason(response)


@pytest.mark.parametrize(
    "path",
    [
        "/flows/name/%00",
        "/deployments/name/%00/%00",
        "/work_pools/%00",
        "/work_pools/p/queues/%00",
        "/work_queues/name/%00",
        "/v2/concurrency_limits/%00",
        "/flows/name/%FF",
        "/events/filter/next?page-token=%00",
        "/nowhere",
    ],
)
def test_an_invalid_path_is_refused(path: str, world: World) -> None:
    response = world.client.get(path)
    assert is_refused_with_a_reason(response), f"{response.status_code} {response.text}"


@pytest.mark.parametrize("route", LISTING_ROUTES)
def test_an_unknown_key_inside_a_filter_is_refused(route: str, world: World) -> None:
    key = {"/events/filter": "filter"}.get(route, route.split("/")[1])
    response = world.client.post(route, json={key: {"typo": 1}})
    assert response.status_code == 422, response.text
    assert "typo" in response.text


def test_no_error_quotes_the_value(world: World) -> None:
    response = world.client.post("/deployments/", json={"name": "d", "flow_id": "hunter2", "parameters": "hunter2"})
    assert response.status_code == 422
    assert "hunter2" not in response.text


@pytest.mark.own_database
@pytest.mark.parametrize(("table", "path", "body"), [("flow", "/flows/", {"name": "x"}), ("event", "/events", None)])
def test_a_refusal_by_a_trigger_is_not_an_outage(table: str, path: str, body: Any, world: World) -> None:
    raising = "BEGIN RAISE EXCEPTION 'hunter2'; END"
    with world.sessions() as session:
        session.execute(text(f"CREATE FUNCTION odd() RETURNS trigger LANGUAGE plpgsql AS $${raising}$$"))
        session.execute(text(f'CREATE TRIGGER odd BEFORE INSERT ON "{table}" FOR EACH ROW EXECUTE FUNCTION odd()'))
        session.commit()
    response = world.client.post(path, json=body if body is not None else [a_client_event()])
    assert (response.status_code, response.json()) == (422, {"detail": "A rule of the database refuses the change."})


def test_a_valid_request_id_is_kept_and_an_invalid_one_is_replaced(world: World) -> None:
    assert world.client.get("/health", headers={"x-request-id": "mine-1"}).headers["x-request-id"] == "mine-1"
    replaced = world.client.get("/health", headers={"x-request-id": "odd id!"}).headers["x-request-id"]
    assert replaced not in ("odd id!", "")


@pytest.mark.parametrize(
    ("path", "methods"),
    [("/flows/filter", "POST"), ("/flows/0197a0de-0000-7000-8000-00000000f10a", "DELETE, GET, PATCH")],
)
def test_a_wrong_method_gets_the_list_of_allowed_methods(path: str, methods: str, world: World) -> None:
    response = world.client.put(path)
    assert response.status_code == 405
    assert response.headers["allow"] == methods
