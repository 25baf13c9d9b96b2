"""Requests for pages of events, valid and invalid, and their responses."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy.orm import Session, sessionmaker

from app.main import create_app
from app.settings import get_settings
from tests.integration.events_in_log import an_event, append

Sessions = sessionmaker[Session]
START = datetime.now(UTC) - timedelta(days=1)


@pytest.mark.parametrize("body", [{}, {"filter": None}, {"filter": {}}, {"filter": None, "limit": None}, None])
def test_an_empty_object_is_a_valid_body(client: TestClient, sessions: Sessions, body: dict[str, Any] | None) -> None:
    append(sessions, an_event())
    assert client.post("/events/filter", json=body).json()["total"] == 1


def test_the_body_is_optional(client: TestClient, sessions: Sessions) -> None:
    append(sessions, an_event())
    assert client.post("/events/filter").json()["total"] == 1


def test_an_empty_log_gives_an_empty_page(client: TestClient) -> None:
    assert client.post("/events/filter").json() == {
        "events": [],
        "total": 0,
        "total_is_exact": True,
        "next_page": None,
    }


def test_a_limit_of_0_returns_the_total_without_a_next_page(client: TestClient, sessions: Sessions) -> None:
    append(sessions, an_event(), an_event())
    answer = client.post("/events/filter", json={"limit": 0}).json()
    assert answer == {"events": [], "total": 2, "total_is_exact": True, "next_page": None}


def test_the_clients_default_of_100_is_accepted(client: TestClient, sessions: Sessions) -> None:
    append(sessions, *(an_event() for _ in range(101)))
    assert len(client.post("/events/filter", json={"limit": 100}).json()["events"]) == 100


def test_a_limit_above_100_is_refused_with_a_clear_message(client: TestClient) -> None:
    answer = client.post("/events/filter", json={"limit": 101})
    assert answer.status_code == 422
    assert answer.json()["exception_detail"][0]["msg"] == "Input should be less than or equal to 100"


def test_an_invalid_token_is_forbidden(client: TestClient) -> None:
    assert client.get("/events/filter/next", params={"page-token": "nonsense"}).status_code == 403


def test_a_missing_token_is_invalid(client: TestClient) -> None:
    assert client.get("/events/filter/next").status_code == 422


@pytest.mark.usefixtures("settings")
def test_the_next_page_link_keeps_a_path_prefix(sessions: Sessions, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AFTERCOMMIT_ALLOWED_HOSTS", "example.org")
    get_settings.cache_clear()
    append(sessions, an_event(), an_event())
    with TestClient(create_app(), base_url="https://example.org", root_path="/registry") as client:
        page = client.post("/registry/api/events/filter", json={"limit": 1}).json()
        assert page["next_page"].startswith("https://example.org/registry/api/events/filter/next?page-token=")
        assert len(client.get(page["next_page"]).json()["events"]) == 1


def test_an_event_is_returned_with_all_its_fields(client: TestClient, sessions: Sessions) -> None:
    [row] = append(
        sessions,
        an_event(occurred=START.replace(microsecond=123), related=[{"a": "b"}], payload={"updated_fields": ["tags"]}),
    )
    [found] = client.post("/events/filter").json()["events"]
    assert found == {
        "id": str(row.id),
        "occurred": START.replace(microsecond=123).isoformat().replace("+00:00", "Z"),
        "event": row.event,
        "resource": row.resource,
        "related": [{"a": "b"}],
        "payload": {"updated_fields": ["tags"]},
        "follows": None,
        "received": row.received.isoformat().replace("+00:00", "Z"),
        "position": 1,
    }
