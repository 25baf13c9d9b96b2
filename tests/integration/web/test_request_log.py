"""One log line for each request that may change something, and for each that is refused; none for other reads."""

from collections.abc import Iterator, MutableMapping
from typing import Any
from uuid import uuid4

import pytest
from fastapi.testclient import TestClient
from sqlalchemy.orm import Session, sessionmaker
from starlette.testclient import WebSocketDenialResponse
from starlette.websockets import WebSocketDisconnect
from structlog.testing import capture_logs

from app.main import create_app
from app.settings import Settings
from app.web.roles import READING
from tests.integration.serving import Served, serving
from tests.integration.web.guarded import AUTH_STRING, api, basic, bearer, new_key, set_up
from tests.sockets import closed, connected, send
from tests.waiting import wait_until

Lines = list[MutableMapping[str, Any]]
FIELDS = {"event", "log_level", "method", "route", "status", "ms", "key", "address"}


@pytest.fixture
def guarded(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    """An API with an auth string."""
    set_up(monkeypatch, api_auth_string=AUTH_STRING)
    with api() as client:
        yield client


def requests(lines: Lines) -> Lines:
    return [line for line in lines if line["event"] == "request"]


def outcomes(lines: Lines) -> list[tuple[str, str | None, int]]:
    return [(line["method"], line["route"], line["status"]) for line in requests(lines)]


def test_a_change_is_logged_in_one_line_with_its_route_and_outcome(client: TestClient) -> None:
    with capture_logs() as said:
        client.post("/flows/?secret=hunter2", json={"name": "hunter2"})
        client.post("/flows/", json={"name": 7})
        client.delete("/work_pools/hunter2")
        client.patch("/work_pools/hunter2", json={"is_paused": True})
    assert outcomes(said) == [
        ("POST", "/api/flows/", 201),
        ("POST", "/api/flows/", 422),
        ("DELETE", "/api/work_pools/{name}", 404),
        ("PATCH", "/api/work_pools/{name}", 404),
    ]
    for line in requests(said):
        assert line.keys() == FIELDS
        assert (line["key"], line["log_level"]) == (None, "info")
        assert line["ms"] > 0
    assert "hunter2" not in str(said)


def test_reads_are_not_logged_by_default(client: TestClient) -> None:
    with capture_logs() as said:
        for path in ("/flows/filter", "/deployments/count", "/deployments/paginate", "/events/count-by/day"):
            client.post(path, json={})
        client.get("/version")
        client.get("/nowhere")
        client.head("/health")
    assert requests(said) == []


def test_reads_are_logged_on_request(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    set_up(monkeypatch, log_reads="true")
    with TestClient(create_app(), base_url="http://localhost/api") as client, capture_logs() as said:
        client.post("/flows/filter", json={})
        client.get("/version")
    assert outcomes(said) == [("POST", "/api/flows/filter", 200), ("GET", "/api/version", 200)]


def test_a_resource_named_like_a_read_does_not_hide_its_change(client: TestClient) -> None:
    with capture_logs() as said:
        for name in READING:
            client.delete(f"/work_pools/{name}")
    assert outcomes(said) == [("DELETE", "/api/work_pools/{name}", 404)] * len(READING)


def test_a_refusal_is_logged_with_its_route_for_every_method(guarded: TestClient) -> None:
    with capture_logs() as said:
        guarded.get(f"/flows/{uuid4()}?x=hunter2", headers=bearer("ac_hunter2"))
        guarded.post("/flows/filter", json={}, headers=basic("user:hunter2x"))
        guarded.put("/flows/", json={}, headers=bearer("ac_hunter2"))
        guarded.get("/nowhere", headers=bearer("ac_hunter2"))
    assert outcomes(said) == [
        ("GET", "/api/flows/{flow_id}", 401),
        ("POST", "/api/flows/filter", 401),
        ("PUT", "/api/flows/", 401),
        ("GET", None, 401),
    ]
    assert "hunter2" not in str(said)


def test_a_request_from_another_site_is_logged_with_the_reason(client: TestClient) -> None:
    with capture_logs() as said:
        client.get("/flows/count", headers={"Host": "hunter2.example"})
        client.post("/flows/", json={}, headers={"Origin": "https://hunter2.example"})
    assert [(line["status"], line["reason"].partition(".")[0]) for line in requests(said)] == [
        (403, "The Host of the request is not allowed here"),
        (403, "A page of another site must not send this request"),
    ]
    assert "hunter2" not in str(said)


@pytest.mark.parametrize(
    ("sent", "logged"),
    [({}, "127.0.0.1"), ({"X-Forwarded-For": "192.0.2.7"}, "192.0.2.7"), ({"X-Forwarded-For": "hunter2"}, None)],
    ids=["direct", "behind a proxy", "no address"],
)
def test_the_logged_address_is_that_of_the_client_or_missing(
    sent: dict[str, str], logged: str | None, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_up(monkeypatch, trusted_proxies="127.0.0.1")
    with serving() as served, capture_logs() as said:
        served.client.post("/flows/", json={"name": "etl"}, headers=sent)
        (line,) = wait_until(lambda: requests(said), "the line")
    assert line["address"] == logged


def test_the_name_of_the_key_is_logged(guarded: TestClient, sessions: sessionmaker[Session]) -> None:
    key = new_key(sessions, "laptop")
    with capture_logs() as said:
        guarded.post("/flows/", json={"name": "etl"}, headers=bearer(key))
        guarded.post("/flows/", json={"name": "etl"}, headers=basic())
    assert [line["key"] for line in requests(said)] == ["laptop", None]
    assert key not in str(said)


def test_an_unexpected_error_is_logged_too(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("hunter2")

    monkeypatch.setattr("sqlalchemy.orm.Session.execute", fail)
    with capture_logs() as said:
        client.post("/flows/", json={"name": "etl"}, headers={"X-Request-Id": "abc"})
    assert outcomes(said) == [("POST", "/api/flows/", 500)]


def test_the_start_and_the_end_of_a_websocket_are_logged(served: Served) -> None:
    with capture_logs() as said:
        with connected(served.address, "in"):
            wait_until(lambda: len(said) == 1, "the line at its start")
        wait_until(lambda: len(said) == 2, "the line at its end")
    opened, ended = said
    assert (opened["event"], opened["route"], opened["address"]) == ("websocket_opened", "/api/events/in", "127.0.0.1")
    assert (ended["event"], ended["route"], ended["code"]) == ("websocket_closed", "/api/events/in", None)
    assert ended["seconds"] >= 0


def test_a_refused_websocket_is_logged_in_one_line(guarded: TestClient) -> None:
    def refused(**headers: str) -> None:
        url = "ws://localhost/api/events/out?x=hunter2"
        with (
            pytest.raises((WebSocketDisconnect, WebSocketDenialResponse)),
            guarded.websocket_connect(url, headers=headers) as socket,
        ):
            socket.receive()

    with capture_logs() as said:
        refused()
        refused(origin="https://hunter2.example")
    lines = [line for line in said if line["event"] == "websocket_refused"]
    assert [(line["route"], line["code"], line["key"]) for line in lines] == [
        ("/api/events/out", 401, None),
        ("/api/events/out", 403, None),
    ]
    assert said == lines
    assert "hunter2" not in str(said)


def test_a_websocket_that_breaks_the_protocol_is_logged_with_its_code(served: Served) -> None:
    with capture_logs() as said, connected(served.address, "out") as socket:
        send(socket, {"type": "hunter2"})
        assert closed(socket)[0] == 1002
        wait_until(lambda: len(said) == 2, "the line at its end")
    assert (said[1]["event"], said[1]["code"]) == ("websocket_closed", 1002)
    assert "hunter2" not in str(said)
