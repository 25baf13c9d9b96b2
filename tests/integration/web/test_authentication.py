"""Requests need a credential as soon as one is configured."""

import re
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy.orm import Session, sessionmaker
from starlette.types import Message
from structlog.testing import capture_logs

from app.access import Credentials, key_ring
from app.main import create_app
from app.settings import Settings
from app.web.errors import OUTAGE_RETRY_SECONDS
from tests.integration.web.guarded import (
    AUTH_STRING,
    api,
    assert_unauthorized,
    basic,
    bearer,
    new_key,
    revoke,
    set_up,
)
from tests.statements import StatementCount

PROBES = ("/health", "/ready", "/api/health", "/api/ready")
NOWHERE = "postgresql+psycopg://nobody@127.0.0.1:1/nothing"


@pytest.fixture
def guarded(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    """An API with an auth string."""
    set_up(monkeypatch, api_auth_string=AUTH_STRING)
    with api() as client:
        yield client


@pytest.fixture
def nothing_is_fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the API read the keys again for each request."""
    monkeypatch.setattr(key_ring, "FRESH_SECONDS", 0.0)


def http_routes(app: FastAPI) -> list[tuple[str, str]]:
    """Return method and path of every route, documentation included."""
    documented = [(method.upper(), path) for path, methods in app.openapi()["paths"].items() for method in methods]
    hidden = [("GET", path) for path in ("/docs", "/openapi.json", "/version", "/api/blocks/", "/api/nowhere")]
    return [*documented, *hidden, ("POST", "/api/health"), ("OPTIONS", "/api/flows/")]


def test_every_route_but_the_probes_needs_a_credential(guarded: TestClient) -> None:
    assert isinstance(guarded.app, FastAPI)
    routes = [(method, path) for method, path in http_routes(guarded.app) if path not in PROBES or method != "GET"]
    assert len(routes) > 60
    for method, path in routes:
        assert_unauthorized(guarded.request(method, f"http://localhost{re.sub(r'{.*?}', 'x', path)}"))


@pytest.mark.parametrize("path", PROBES)
def test_a_probe_needs_none(guarded: TestClient, path: str) -> None:
    assert guarded.get(f"http://localhost{path}").status_code != 401


@pytest.mark.parametrize("text", ["user:wrong", "user:hunter", "user:hunter22", "", "hunter2"])
def test_a_wrong_auth_string_is_refused(guarded: TestClient, text: str) -> None:
    assert_unauthorized(guarded.get("/version", headers=basic(text)))


def test_who_has_the_auth_string_comes_in(guarded: TestClient) -> None:
    response = guarded.post("/flows/", json={"name": "etl"}, headers=basic())

    assert response.status_code == 201


def test_nothing_of_a_body_is_read_before_the_check(guarded: TestClient) -> None:
    sent: list[Message] = []
    scope = {"type": "http", "method": "POST", "path": "/api/events", "headers": [], "query_string": b""}

    async def receive() -> Message:
        raise AssertionError("the body was read")

    async def send(message: Message) -> None:
        sent.append(message)

    assert guarded.portal is not None
    guarded.portal.call(guarded.app, scope, receive, send)

    assert sent[0]["status"] == 401


@pytest.mark.usefixtures("nothing_is_fresh", "settings")
def test_the_first_key_switches_authentication_on_and_revoking_the_last_one_off(
    sessions: sessionmaker[Session],
) -> None:
    with api() as client:
        assert client.get("/version").status_code == 200

        key = new_key(sessions)
        assert_unauthorized(client.get("/version"))
        assert client.get("/version", headers=bearer(key)).status_code == 200

        revoke(sessions)
        assert client.get("/version").status_code == 200


@pytest.mark.usefixtures("nothing_is_fresh")
def test_a_key_opens_beside_the_auth_string_until_it_is_revoked(
    guarded: TestClient, sessions: sessionmaker[Session]
) -> None:
    key = new_key(sessions)
    for headers in (bearer(key), basic(key), basic(f"anybody:{key}")):
        assert guarded.get("/version", headers=headers).status_code == 200

    revoke(sessions)
    for headers in (bearer(key), basic(key), basic(f"anybody:{key}")):
        assert_unauthorized(guarded.get("/version", headers=headers))


@pytest.mark.usefixtures("settings")
def test_a_revoked_key_opens_for_as_long_as_what_was_read_is_fresh_and_not_longer(
    sessions: sessionmaker[Session], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    monkeypatch.setattr("app.access.key_ring.time", SimpleNamespace(monotonic=lambda: now))
    key = new_key(sessions)
    new_key(sessions, "another")
    with api() as client:
        assert client.get("/version", headers=bearer(key)).status_code == 200
        revoke(sessions)

        now += key_ring.FRESH_SECONDS + 0.001
        assert_unauthorized(client.get("/version", headers=bearer(key)))


@pytest.mark.usefixtures("settings")
def test_an_exposed_api_without_a_credential_lets_nobody_in() -> None:
    with api(is_exposed=True) as client:
        assert_unauthorized(client.get("/version"))
        assert client.get("/health").status_code == 200


@pytest.mark.usefixtures("settings")
def test_without_a_database_at_the_start_nobody_can_know(monkeypatch: pytest.MonkeyPatch) -> None:
    set_up(monkeypatch, database_url=NOWHERE)
    with api() as client:
        response = client.get("/version")

        assert (response.status_code, response.headers["retry-after"]) == (503, str(OUTAGE_RETRY_SECONDS))
        assert client.get("/health").status_code == 200


@pytest.mark.usefixtures("settings")
def test_without_a_database_the_auth_string_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    set_up(monkeypatch, database_url=NOWHERE, api_auth_string=AUTH_STRING)
    with api() as client:
        assert client.get("/version", headers=basic()).status_code == 200
        assert_unauthorized(client.get("/version"))
        assert client.get("/version", headers=bearer("ac_unknown")).status_code == 503


@pytest.mark.usefixtures("settings")
def test_refusals_cost_the_database_nothing(sessions: sessionmaker[Session]) -> None:
    new_key(sessions)
    app = create_app()
    with TestClient(app, base_url="http://localhost/api") as client:
        client.get("/version")
        credentials: Credentials = app.state.credentials
        counts = [StatementCount(engine) for engine in (app.state.engine, credentials.engine)]
        credentials._ring._fresh_until += 60
        for _ in range(20):
            assert_unauthorized(client.post("/flows/", json={"name": "etl"}, headers=bearer("ac_wrong")))

    assert [count.statements for count in counts] == [[], []]


def test_no_log_line_and_no_answer_holds_a_secret(guarded: TestClient) -> None:
    with capture_logs() as said:
        answers = [
            guarded.get("/version?token=hunter2", headers=headers).text
            for headers in (basic("user:hunter2x"), bearer("ac_hunter2"), {"Authorization": "hunter2"})
        ]
        answers.append(guarded.get("/nowhere", headers=basic()).text)

    assert [line["event"] for line in said] == ["request"] * 3
    assert "hunter2" not in f"{said}{answers}"
