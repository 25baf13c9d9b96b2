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
from app.access.failed_tries import FREE_TRIES
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
UNREACHABLE_DATABASE = "postgresql+psycopg://nobody@127.0.0.1:1/nothing"


@pytest.fixture
def guarded(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    """An API with an auth string."""
    set_up(monkeypatch, api_auth_string=AUTH_STRING)
    with api() as client:
        yield client


@pytest.fixture
def always_read_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the API read the keys again for each request."""
    monkeypatch.setattr(key_ring, "FRESH_SECONDS", 0.0)


def http_routes(app: FastAPI) -> list[tuple[str, str]]:
    """Return method and path of every route, documentation included."""
    documented = [(method.upper(), path) for path, methods in app.openapi()["paths"].items() for method in methods]
    hidden = [("GET", path) for path in ("/docs", "/openapi.json", "/version", "/api/blocks/", "/api/nowhere")]
    return [*documented, *hidden, ("POST", "/api/health"), ("OPTIONS", "/api/flows/")]


def test_every_route_except_the_probes_needs_a_credential(guarded: TestClient) -> None:
    assert isinstance(guarded.app, FastAPI)
    routes = [(method, path) for method, path in http_routes(guarded.app) if path not in PROBES or method != "GET"]
    assert len(routes) > 60
    for method, path in routes:
        assert_unauthorized(guarded.request(method, f"http://localhost{re.sub(r'{.*?}', 'x', path)}"))


@pytest.mark.parametrize("path", PROBES)
def test_a_probe_needs_no_credential(guarded: TestClient, path: str) -> None:
    assert guarded.get(f"http://localhost{path}").status_code != 401


@pytest.mark.parametrize("text", ["user:wrong", "user:hunter", "user:hunter22", "", "hunter2"])
def test_a_wrong_auth_string_is_refused(guarded: TestClient, text: str) -> None:
    assert_unauthorized(guarded.get("/version", headers=basic(text)))


def test_a_browser_asks_for_a_credential_only_if_it_would_show_the_response(guarded: TestClient) -> None:
    shown = guarded.get("http://localhost/docs", headers={"accept": "text/html,*/*;q=0.8"})
    fetched = guarded.get("/version", headers={"accept": "*/*"})

    assert shown.headers["www-authenticate"] == 'Basic realm="aftercommit", Bearer realm="aftercommit"'
    assert fetched.headers["www-authenticate"] == 'Bearer realm="aftercommit"'


def test_the_auth_string_is_accepted(guarded: TestClient) -> None:
    response = guarded.post("/flows/", json={"name": "etl"}, headers=basic())

    assert response.status_code == 201


def test_the_body_is_not_read_before_the_credential_is_checked(guarded: TestClient) -> None:
    sent: list[Message] = []
    scope = {"type": "http", "method": "POST", "path": "/api/events", "headers": [], "query_string": b""}

    async def receive() -> Message:
        raise AssertionError("the body was read")

    async def send(message: Message) -> None:
        sent.append(message)

    assert guarded.portal is not None
    guarded.portal.call(guarded.app, scope, receive, send)

    assert sent[0]["status"] == 401


@pytest.mark.usefixtures("always_read_keys", "settings")
def test_the_first_key_turns_authentication_on_and_revoking_the_last_one_turns_it_off(
    sessions: sessionmaker[Session],
) -> None:
    with api() as client:
        assert client.get("/version").status_code == 200

        key = new_key(sessions)
        assert_unauthorized(client.get("/version"))
        assert client.get("/version", headers=bearer(key)).status_code == 200

        revoke(sessions)
        assert client.get("/version").status_code == 200


@pytest.mark.usefixtures("always_read_keys")
def test_a_key_is_accepted_besides_the_auth_string_until_it_is_revoked(
    guarded: TestClient, sessions: sessionmaker[Session]
) -> None:
    key = new_key(sessions)
    for headers in (bearer(key), basic(key), basic(f"anybody:{key}")):
        assert guarded.get("/version", headers=headers).status_code == 200

    revoke(sessions)
    for headers in (bearer(key), basic(key), basic(f"anybody:{key}")):
        assert_unauthorized(guarded.get("/version", headers=headers))


@pytest.mark.usefixtures("settings")
def test_a_revoked_key_is_refused_when_the_cached_keys_are_outdated(
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
def test_an_exposed_api_without_a_credential_refuses_everyone() -> None:
    with api(is_exposed=True) as client:
        assert_unauthorized(client.get("/version"))
        assert client.get("/health").status_code == 200


@pytest.mark.usefixtures("settings")
def test_while_the_keys_have_never_been_read_requests_get_503(monkeypatch: pytest.MonkeyPatch) -> None:
    set_up(monkeypatch, database_url=UNREACHABLE_DATABASE)
    with api() as client:
        response = client.get("/version")

        assert (response.status_code, response.headers["retry-after"]) == (503, str(OUTAGE_RETRY_SECONDS))
        assert client.get("/health").status_code == 200


@pytest.mark.usefixtures("settings")
def test_without_a_database_the_auth_string_is_accepted_and_keys_get_503(monkeypatch: pytest.MonkeyPatch) -> None:
    set_up(monkeypatch, database_url=UNREACHABLE_DATABASE, api_auth_string=AUTH_STRING)
    with api() as client:
        assert client.get("/version", headers=basic()).status_code == 200
        assert_unauthorized(client.get("/version"))
        assert client.get("/version", headers=bearer("ac_unknown")).status_code == 503


@pytest.mark.usefixtures("settings")
def test_refused_requests_send_no_statement(sessions: sessionmaker[Session]) -> None:
    new_key(sessions)
    app = create_app()
    with TestClient(app, base_url="http://localhost/api") as client:
        client.get("/version")
        credentials: Credentials = app.state.credentials
        counts = [StatementCount(engine) for engine in (app.state.engine, credentials.engine)]
        credentials._ring._fresh_until += 60
        # After more, the service logs an event about the address, once.
        for _ in range(FREE_TRIES):
            assert_unauthorized(client.post("/flows/", json={"name": "etl"}, headers=bearer("ac_wrong")))

    assert [count.statements for count in counts] == [[], []]


def test_neither_logs_nor_responses_contain_a_secret(guarded: TestClient) -> None:
    with capture_logs() as log_lines:
        answers = [
            guarded.get("/version?token=hunter2", headers=headers).text
            for headers in (basic("user:hunter2x"), bearer("ac_hunter2"), {"Authorization": "hunter2"})
        ]
        answers.append(guarded.get("/nowhere", headers=basic()).text)

    assert [line["event"] for line in log_lines] == ["request"] * 3
    assert "hunter2" not in f"{log_lines}{answers}"
