"""Each event names who made the change, by which request, and why."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx2
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select, text
from sqlalchemy.orm import Session, sessionmaker

from app.access.api_keys import create_key
from app.models import EventRow
from app.models.api_key import Role
from app.settings import Settings
from tests.integration.web.guarded import AUTH_STRING, api, basic, bearer, new_key, set_up
from tests.scenarios import SCENARIOS
from tests.world import World

PEOPLE = ("alice", "bob", "ci-2026")
AGENT = {"User-Agent": "prefect/3.8.8 (API 0.8.4)"}


def label(event: EventRow, part: str) -> str | None:
    return event.resource.get(f"aftercommit.{part}")


def events(sessions: sessionmaker[Session]) -> list[EventRow]:
    with sessions() as session:
        return list(session.scalars(select(EventRow).order_by(EventRow.position)))


def actors(event: EventRow) -> list[str]:
    return [one["prefect.resource.id"] for one in event.related if one["prefect.resource.role"] == "actor"]


@pytest.fixture
def keys(settings: Settings, sessions: sessionmaker[Session]) -> dict[str, str]:
    """Keys that may do everything, by their names."""
    return {name: new_key(sessions, name, Role.ADMIN) for name in PEOPLE}


@pytest.fixture
def client(keys: dict[str, str]) -> Iterator[TestClient]:
    """A client that sends no credential of its own."""
    with api() as client:
        yield client


@contextmanager
def many_people(client: httpx2.Client, keys: dict[str, str]) -> Iterator[dict[str, str]]:
    """Send each request with another key than the one before; yield the name of the key by the id of the request."""
    names: dict[str, str] = {}

    def sign(request: httpx2.Request) -> None:
        name = PEOPLE[len(names) % len(PEOPLE)]
        request.headers["X-Request-Id"] = f"request-{len(names)}"
        names[request.headers["X-Request-Id"]] = name
        request.headers.update(bearer(keys[name]))

    client.event_hooks = {"request": [sign]}
    yield names


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.__name__)
def test_the_events_of_a_request_and_of_its_effects_name_its_actor(
    scenario: Callable[[World], None], client: TestClient, keys: dict[str, str], sessions: sessionmaker[Session]
) -> None:
    with many_people(client, keys) as names:
        scenario(World(client, sessions, patience=2.0))
    found = events(sessions)
    assert found
    for event in found:
        name = names[label(event, "request") or ""]
        assert (label(event, "actor"), actors(event)) == (f"key:{name}", [f"aftercommit.key.{name}"]), event.event


def test_of_two_keys_that_race_on_a_row_each_change_names_its_own(
    client: TestClient, keys: dict[str, str], sessions: sessionmaker[Session]
) -> None:
    """A change carries the name of its actor as its value, so both must agree in every event."""
    flow = client.post("/flows/", json={"name": "etl"}, headers=bearer(keys["alice"])).json()
    body = {"name": "nightly", "flow_id": flow["id"]}
    created = client.post("/deployments/", json=body, headers=bearer(keys["alice"])).json()
    barrier = threading.Barrier(len(PEOPLE))

    def change(name: str) -> None:
        barrier.wait()
        for number in range(20):
            body = {"description": f"{name} {number}"}
            client.patch(f"/deployments/{created['id']}", json=body, headers=bearer(keys[name])).raise_for_status()

    threads = [threading.Thread(target=change, args=(name,)) for name in PEOPLE]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    changes = [event for event in events(sessions) if event.event == "prefect.deployment.updated"]
    assert len(changes) == 20 * len(PEOPLE)
    for event in changes:
        said = event.payload["updates"]["description"]["to"].partition(" ")[0]
        assert label(event, "actor") == f"key:{said}"


def test_the_attribution_holds_what_the_request_says(client: TestClient, keys: dict[str, str]) -> None:
    headers = {
        **AGENT,
        **bearer(keys["ci-2026"]),
        "X-Request-Id": "build-7",
        "X-Aftercommit-Reason": "Roll back the release",
        "X-Aftercommit-Change": "https://ci.example/builds/7",
        "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    }
    client.post("/flows/", json={"name": "etl"}, headers=headers).raise_for_status()
    event = only_event(client, keys)
    parts = {key.removeprefix("aftercommit."): text for key, text in event["resource"].items() if "aftercommit" in key}
    assert parts == {
        "revision": "1",
        "actor": "key:ci-2026",
        "role": "admin",
        "client": AGENT["User-Agent"],
        "request": "build-7",
        "traceparent": headers["traceparent"],
        "reason": "Roll back the release",
        "change": "https://ci.example/builds/7",
    }
    assert event["related"] == [
        {
            "prefect.resource.id": "aftercommit.key.ci-2026",
            "prefect.resource.name": "ci-2026",
            "prefect.resource.role": "actor",
        }
    ]


def only_event(client: TestClient, keys: dict[str, str]) -> dict[str, Any]:
    [event] = client.post("/events/filter", json={}, headers=bearer(keys["alice"])).json()["events"]
    return event  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("setting", "headers", "actor"),
    [
        ({}, {}, "anonymous"),
        ({"api_auth_string": AUTH_STRING}, basic(), "user:user"),
    ],
)
def test_without_keys_the_actor_is_the_user_of_the_auth_string_or_anonymous(
    settings: Settings,
    sessions: sessionmaker[Session],
    monkeypatch: pytest.MonkeyPatch,
    setting: dict[str, str],
    headers: dict[str, str],
    actor: str,
) -> None:
    set_up(monkeypatch, **setting)
    with api() as client:
        client.post("/flows/", json={"name": "etl"}, headers=headers).raise_for_status()
    [event] = events(sessions)
    assert label(event, "actor") == actor


@pytest.mark.parametrize(
    "value",
    ["x" * 10_000, "a\x01b", "\u202egnp.exe".encode(), "tab\there"],
    ids=["10 kB", "control character", "right-to-left override", "tab"],
)
@pytest.mark.parametrize("header", ["X-Aftercommit-Reason", "X-Aftercommit-Change"])
def test_a_malformed_reason_is_refused_before_anything_is_written(
    client: TestClient, keys: dict[str, str], sessions: sessionmaker[Session], header: str, value: str | bytes
) -> None:
    sent = value if isinstance(value, bytes) else value.encode()
    headers = [
        *((name.encode(), text.encode()) for name, text in bearer(keys["alice"]).items()),
        (header.encode(), sent),
    ]
    response = client.post("/flows/", json={"name": "etl"}, headers=headers)
    assert (response.status_code, header in response.text) == (422, True)
    assert events(sessions) == []


def test_a_reason_in_any_script_is_kept_and_an_empty_one_is_none(
    client: TestClient, keys: dict[str, str], sessions: sessionmaker[Session]
) -> None:
    for name, reason in (("a", "استرجاع الإصدار"), ("b", "")):
        headers = [(b"authorization", bearer(keys["alice"])["Authorization"].encode())]
        headers.append((b"x-aftercommit-reason", reason.encode()))
        client.post("/flows/", json={"name": name}, headers=headers).raise_for_status()
    assert [label(event, "reason") for event in events(sessions)] == ["استرجاع الإصدار", None]


def test_a_secret_in_a_reason_is_masked(
    client: TestClient, keys: dict[str, str], sessions: sessionmaker[Session]
) -> None:
    headers = {**bearer(keys["alice"]), "X-Aftercommit-Reason": "see https://bob:hunter2@ci.example/7"}
    client.post("/flows/", json={"name": "etl"}, headers=headers).raise_for_status()
    with sessions() as session:
        stored = session.scalars(text("SELECT to_jsonb(logged)::text FROM event AS logged")).one()
    assert "https://" in stored
    assert "hunter2" not in stored


@pytest.mark.parametrize(("may", "status", "kept"), [(True, 201, "carol"), (False, 403, None)])
def test_only_a_key_that_may_act_for_others_says_for_whom_it_acts(
    client: TestClient, sessions: sessionmaker[Session], *, may: bool, status: int, kept: str | None
) -> None:
    with sessions.begin() as session:
        key = create_key(session, "portal", may_act_for_others=may)
    headers = {**bearer(key), "X-Aftercommit-On-Behalf-Of": "carol"}
    assert client.post("/flows/", json={"name": "etl"}, headers=headers).status_code == status
    assert [label(event, "on-behalf-of") for event in events(sessions)] == ([kept] if kept else [])


def test_a_client_event_carries_no_attribution(
    client: TestClient, keys: dict[str, str], sessions: sessionmaker[Session]
) -> None:
    forged = {
        "id": "0197a3a0-0000-7000-8000-000000000001",
        "occurred": "2026-12-01T12:00:00Z",
        "event": "prefect.deployment.updated",
        "resource": {"prefect.resource.id": "prefect.deployment.1", "aftercommit.actor": "key:alice"},
        "related": [{"prefect.resource.id": "aftercommit.key.alice", "prefect.resource.role": "actor"}],
    }
    client.post("/events", json=[forged], headers=bearer(keys["bob"])).raise_for_status()
    [event] = events(sessions)
    assert (event.resource, event.related) == ({"prefect.resource.id": "prefect.deployment.1"}, [])


def test_a_setting_leaves_parts_out_but_never_the_actor(
    keys: dict[str, str], sessions: sessionmaker[Session], monkeypatch: pytest.MonkeyPatch
) -> None:
    set_up(monkeypatch, actor_fields="request,client")
    with api() as client:
        headers = {**bearer(keys["alice"]), **AGENT, "X-Request-Id": "r1", "X-Aftercommit-Reason": "private"}
        client.post("/flows/", json={"name": "etl"}, headers=headers).raise_for_status()
    [event] = events(sessions)
    said = {key.removeprefix("aftercommit.") for key in event.resource if key.startswith("aftercommit.")}
    assert said == {"revision", "actor", "request", "client"}


def test_a_heartbeat_says_which_worker_it_is_of(
    client: TestClient, keys: dict[str, str], sessions: sessionmaker[Session]
) -> None:
    headers = bearer(keys["ci-2026"])
    client.post("/work_pools/", json={"name": "pool", "type": "process"}, headers=headers).raise_for_status()
    beat = {"name": "worker on host 7"}
    client.post("/work_pools/pool/workers/heartbeat", json=beat, headers=headers).raise_for_status()
    event = events(sessions)[-1]
    assert (event.event, label(event, "worker")) == ("prefect.work-pool.ready", "worker on host 7")
