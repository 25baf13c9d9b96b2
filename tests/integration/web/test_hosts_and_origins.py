"""Requests that a browser was tricked into: foreign host names, and pages of other sites."""

import json
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy.orm import Session, sessionmaker
from starlette.testclient import WebSocketDenialResponse
from starlette.websockets import WebSocketDisconnect

from tests.integration.web.guarded import api, basic, bearer, new_key, set_up

LOOPBACK = ["localhost", "LOCALHOST:4200", "127.0.0.1", "127.8.9.1:80", "[::1]:4200", "api.localhost"]
FOREIGN = [
    "evil.example",
    "evil.example:4200",
    "localhost.evil.example",
    "127.0.0.1.evil.example",
    "10.0.0.1",
    "",
    "[::1",
    "a@b",
]
CHANGES = ["POST", "PATCH", "PUT", "DELETE"]


def status(client: TestClient, method: str = "GET", path: str = "/version", **headers: str) -> int:
    if method == "GET":
        return client.get(path, headers=headers).status_code
    return client.request(
        method, path, content=b"{}", headers={"content-type": "application/json", **headers}
    ).status_code


@pytest.mark.parametrize("host", LOOPBACK)
def test_a_loopback_host_name_is_allowed(host: str, client: TestClient) -> None:
    assert status(client, host=host) == 200


@pytest.mark.parametrize("host", FOREIGN)
@pytest.mark.parametrize(("method", "path"), [("GET", "/version"), ("GET", "/csrf-token"), ("POST", "/flows/filter")])
def test_a_foreign_host_name_is_refused_without_a_credential(
    host: str, method: str, path: str, client: TestClient
) -> None:
    assert status(client, method, path, host=host) == 403


def test_probes_are_answered_for_every_host_name(client: TestClient) -> None:
    assert status(client, path="/health", host="evil.example") == 200


@pytest.mark.usefixtures("settings")
def test_with_a_credential_every_host_name_is_allowed(
    sessions: sessionmaker[Session], monkeypatch: pytest.MonkeyPatch
) -> None:
    key = new_key(sessions)
    with api() as client:
        assert status(client, host="registry.example", **bearer(key)) == 200
        assert status(client, host="registry.example") == 401
    set_up(monkeypatch, api_auth_string="user:hunter2")
    with api() as client:
        assert status(client, host="registry.example", **basic()) == 200


@pytest.mark.usefixtures("settings")
@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("registry.example", 200),
        ("registry.example:80", 200),
        ("other.example:8443", 200),
        ("other.example", 403),
        ("localhost", 200),
    ],
)
def test_only_listed_host_names_are_allowed(host: str, expected: int, monkeypatch: pytest.MonkeyPatch) -> None:
    set_up(monkeypatch, allowed_hosts="Registry.example, other.example:8443", api_auth_string="user:hunter2")
    with api() as client:
        assert status(client, host=host, **basic()) == expected


@pytest.mark.parametrize("method", CHANGES)
@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://[::1"},
        {"origin": "http://localhost:8080"},
        {"origin": "http://evil.example", "host": "localhost"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"origin": "", "sec-fetch-site": "cross-site"},
    ],
)
def test_a_change_from_a_page_of_another_site_is_refused(
    method: str, headers: dict[str, str], client: TestClient
) -> None:
    assert status(client, method, "/flows/", **headers) == 403


@pytest.mark.parametrize("type_", ["text/plain", "", "application/x-www-form-urlencoded"])
def test_a_page_must_declare_its_body_as_json(type_: str, client: TestClient) -> None:
    body = json.dumps({"name": "etl"})
    page = {"origin": "http://localhost", "sec-fetch-site": "same-origin", "content-type": type_}
    assert client.post("/flows/", content=body, headers=page).status_code == 403
    assert client.post("/flows/", content=body, headers={"content-type": ""}).status_code == 201


def test_pages_of_the_same_site_and_programs_may_change_everything(client: TestClient) -> None:
    page = {"origin": "http://localhost", "sec-fetch-site": "same-origin"}
    assert client.post("/flows/", json={"name": "by page"}, headers=page).status_code == 201
    assert client.post("/flows/", json={"name": "by hand"}, headers={"sec-fetch-site": "none"}).status_code == 201
    assert client.post("/flows/", json={"name": "by program"}).status_code == 201


EVIL = "http://evil.example"


@pytest.mark.parametrize("path", ["in", "out"])
@pytest.mark.parametrize(
    "headers", [{"host": "evil.example"}, {"origin": EVIL}, {"host": "evil.example", "origin": EVIL}]
)
def test_a_websocket_from_another_site_is_refused(path: str, headers: dict[str, Any], client: TestClient) -> None:
    with (
        pytest.raises((WebSocketDisconnect, WebSocketDenialResponse)),
        client.websocket_connect(f"ws://localhost/api/events/{path}", headers=headers) as socket,
    ):
        socket.receive()
