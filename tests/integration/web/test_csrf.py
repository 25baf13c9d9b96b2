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


def test_a_token_has_prefects_format_and_is_valid_for_an_hour(protected: TestClient) -> None:
    answer = protected.get(f"/csrf-token?client={CLIENT}").json()

    assert set(answer) == {"id", "created", "updated", "token", "client", "expiration"}
    assert answer["client"] == CLIENT
    left = datetime.fromisoformat(answer["expiration"]) - datetime.now(UTC)
    assert timedelta(minutes=59) < left <= timedelta(hours=1)


def test_a_change_with_a_valid_token_is_accepted(protected: TestClient) -> None:
    response = protected.post("/flows/", json={"name": "etl"}, headers=headers(token(protected)))

    assert response.status_code == 201


def test_a_token_can_be_used_repeatedly_and_with_another_process(protected: TestClient) -> None:
    value = token(protected)
    with api() as another:
        for client in (protected, protected, another):
            assert client.post("/flows/", json={"name": "etl"}, headers=headers(value)).status_code in {200, 201}


@pytest.mark.parametrize("method", CHANGES)
def test_a_change_without_a_token_is_refused(protected: TestClient, method: str) -> None:
    assert refusal(protected, {}, method) == "Missing CSRF token."
    assert refusal(protected, {"Prefect-Csrf-Token": "t"}, method) == "Missing client identifier."


def test_a_token_of_another_client_and_an_invalid_token_are_refused(protected: TestClient) -> None:
    value = token(protected)
    until, _, digits = value.partition(".")
    wrong = [value[:-1], f"{int(until) + 1}.{digits}", f".{digits}", "", "x", until, f"{value}x"]

    for each in wrong:
        assert refusal(protected, headers(each)) == "Invalid CSRF token or client identifier."
    assert refusal(protected, headers(value, "another")) == "Invalid CSRF token or client identifier."


def test_an_expired_token_is_refused_and_a_new_one_accepted(
    protected: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    value = token(protected)
    later = time.time() + csrf.TOKEN_SECONDS + 1
    with monkeypatch.context() as patch:
        patch.setattr("app.web.csrf.time", SimpleNamespace(time=lambda: later))
        assert refusal(protected, headers(value)) == "Invalid CSRF token or client identifier."
    assert protected.post("/flows/", json={"name": "etl"}, headers=headers(value)).status_code == 201


def test_a_token_that_was_signed_with_another_key_is_refused(
    protected: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    value = token(protected)
    set_up(monkeypatch, masking_key="another key" * 3)
    with api() as another:
        assert refusal(another, headers(value)) == "Invalid CSRF token or client identifier."


def test_a_read_needs_no_token(protected: TestClient) -> None:
    assert protected.get("/version").status_code == 200


def test_a_client_must_identify_itself_to_get_a_token(protected: TestClient) -> None:
    response = protected.get("/csrf-token")

    assert (response.status_code, response.json()) == (422, {"detail": "Missing client identifier."})
