"""With CSRF protection on, every change needs a token that was issued to its client."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from fastapi.testclient import TestClient

from app.settings import Settings
from app.web import csrf
from tests.integration.web.guarded import api, set_up

CLIENT = "a2467b1f-ad56-4ea4-b38f-840c6272c7f1"
CHANGES = ["POST", "PUT", "PATCH", "DELETE"]


@pytest.fixture
def protected(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    """An API with the protection switched on."""
    set_up(monkeypatch, csrf_protection="true")
    with api() as client:
        yield client


def token(client: TestClient, name: str = CLIENT) -> str:
    value: str = client.get(f"/csrf-token?client={name}").json()["token"]
    return value


def headers(value: str, name: str = CLIENT) -> dict[str, str]:
    return {"Prefect-Csrf-Token": value, "Prefect-Csrf-Client": name}


def refusal(client: TestClient, brought: dict[str, str], method: str = "POST") -> str:
    response = client.request(method, "/flows/", headers=brought, json={"name": "etl"})
    assert response.status_code == 403, response.text
    detail: str = response.json()["detail"]
    return detail


def test_a_token_has_the_shape_of_prefects_and_lasts_an_hour(protected: TestClient) -> None:
    answer = protected.get(f"/csrf-token?client={CLIENT}").json()

    assert set(answer) == {"id", "created", "updated", "token", "client", "expiration"}
    assert answer["client"] == CLIENT
    left = datetime.fromisoformat(answer["expiration"]) - datetime.now(UTC)
    assert timedelta(minutes=59) < left <= timedelta(hours=1)


def test_a_change_with_its_token_is_made(protected: TestClient) -> None:
    response = protected.post("/flows/", json={"name": "etl"}, headers=headers(token(protected)))

    assert response.status_code == 201


def test_a_token_serves_more_than_once_and_in_another_process(protected: TestClient) -> None:
    value = token(protected)
    with api() as another:
        for client in (protected, protected, another):
            assert client.post("/flows/", json={"name": "etl"}, headers=headers(value)).status_code in {200, 201}


@pytest.mark.parametrize("method", CHANGES)
def test_a_change_without_a_token_is_refused(protected: TestClient, method: str) -> None:
    assert refusal(protected, {}, method) == "Missing CSRF token."
    assert refusal(protected, {"Prefect-Csrf-Token": "t"}, method) == "Missing client identifier."


def test_a_token_of_somebody_else_or_none_at_all_is_refused(protected: TestClient) -> None:
    value = token(protected)
    until, _, digits = value.partition(".")
    wrong = [value[:-1], f"{int(until) + 1}.{digits}", f".{digits}", "", "x", until, f"{value}x"]

    for each in wrong:
        assert refusal(protected, headers(each)) == "Invalid CSRF token or client identifier."
    assert refusal(protected, headers(value, "another")) == "Invalid CSRF token or client identifier."


def test_a_token_that_is_over_is_refused_and_a_new_one_is_taken(
    protected: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    value = token(protected)
    later = time.time() + csrf.TOKEN_SECONDS + 1
    with monkeypatch.context() as patch:
        patch.setattr("app.web.csrf.time", SimpleNamespace(time=lambda: later))
        assert refusal(protected, headers(value)) == "Invalid CSRF token or client identifier."
    assert protected.post("/flows/", json={"name": "etl"}, headers=headers(value)).status_code == 201


def test_a_token_that_another_key_made_is_refused(protected: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    value = token(protected)
    set_up(monkeypatch, masking_key="another key" * 3)
    with api() as another:
        assert refusal(another, headers(value)) == "Invalid CSRF token or client identifier."


def test_what_changes_nothing_needs_no_token(protected: TestClient) -> None:
    assert protected.get("/version").status_code == 200


def test_a_client_must_name_itself(protected: TestClient) -> None:
    response = protected.get("/csrf-token")

    assert (response.status_code, response.json()) == (422, {"detail": "Missing client identifier."})
