"""`POST /events`: the events of clients are added to the log, and never replace events of the registry."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session, sessionmaker

from app.log.append import CHANNEL
from app.models import EventLog
from app.postgres.listening import Listener
from tests.integration.client_event import a_client_event, log, numbered, post
from tests.world import World, assert_audit_is_clean


def test_events_are_appended_in_order_at_the_next_positions(
    client: TestClient, sessions: sessionmaker[Session], world: World
) -> None:
    world.deploy()
    post(client, *numbered(1, 3))
    world.deploy(200, version="2")
    rows = log(sessions)
    assert [row.position for row in rows] == [1, 2, 3, 4, 5, 6]
    assert [row.payload.get("number") for row in rows] == [None, None, 1, 2, 3, None]
    # The flow, the deployment, the three client events, the deployment again.
    assert [row.revision for row in rows] == [1, 1, None, None, None, 2]
    assert_audit_is_clean(sessions)


def test_an_event_is_read_as_it_was_sent(client: TestClient) -> None:
    sent = a_client_event(
        occurred="2026-11-23T13:00:00Z",
        related=[{"prefect.resource.id": "r2", "prefect.resource.role": "tag", "x": "y"}],
        payload={"a": [1, 2.5, None, {"b": "ü"}]},
        follows="11111111-1111-4111-8111-111111111111",
    )
    post(client, sent)
    [read] = client.post("/events/filter", json={}).json()["events"]
    assert {key: read[key] for key in sent} == sent
    assert (read["position"], "received" in read) == (1, True)


def test_an_event_that_is_sent_again_is_not_appended_again(client: TestClient, sessions: sessionmaker[Session]) -> None:
    first, second, third = numbered(1, 3)
    post(client, first, second)
    post(client, second, {**first, "payload": {"number": "forged"}}, third, third)
    assert [row.payload["number"] for row in log(sessions)] == [1, 2, 3]


def test_without_new_events_the_position_stays(client: TestClient, sessions: sessionmaker[Session]) -> None:
    event = a_client_event()
    for events in ([event], [event], []):
        post(client, *events)
    with sessions() as session:
        assert session.scalars(select(EventLog.position)).one() == 1


def test_an_event_from_many_concurrent_clients_is_appended_once(
    client: TestClient, sessions: sessionmaker[Session]
) -> None:
    events = numbered(1, 20)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: post(client, *events), range(8)))
    assert [row.payload["number"] for row in log(sessions)] == list(range(1, 21))
    assert_audit_is_clean(sessions)


@pytest.mark.parametrize(
    ("broken", "text"),
    [
        ({"id": "no-uuid"}, "UUID"),
        ({"id": None}, "UUID"),
        ({"occurred": None}, "Must be a time"),
        ({"event": ""}, "at least 1 character"),
        ({"event": "x" * 1025}, "at most 1024 characters"),
        ({"event": "ü" * 1024}, "2000 bytes"),
        ({"resource": {}}, "prefect.resource.id"),
        ({"resource": {"prefect.resource.id": ""}}, "prefect.resource.id"),
        ({"resource": {"prefect.resource.id": "x" * 2001}}, "2000 bytes"),
        ({"resource": {"prefect.resource.id": "x", "a": 1}}, "string"),
        ({"resource": {"prefect.resource.id": "x", **{str(n): "" for n in range(500)}}}, "at most 500"),
        ({"related": [{"prefect.resource.id": "x"}]}, "prefect.resource.role"),
        ({"related": [{"prefect.resource.id": "x", "prefect.resource.role": "r"}] * 101}, "at most 100"),
        ({"payload": []}, "dictionary"),
        ({"payload": {"a": "nul \0"}}, "NUL"),
        ({"payload": {"nul \0": 1}}, "NUL"),
        ({"event": "nul\0"}, "NUL"),
        ({"payload": {"a": "x" * 1_500_000}}, "1500000 bytes"),
    ],
)
def test_an_invalid_event_refuses_its_whole_batch(
    client: TestClient, sessions: sessionmaker[Session], broken: dict[str, Any], text: str
) -> None:
    response = post(client, a_client_event(), a_client_event(**broken), status=422)
    assert text in response.text
    assert log(sessions) == []


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e999"])
def test_an_invalid_number_is_refused(client: TestClient, number: str) -> None:
    event = f"""{{"id": "11111111-1111-4111-8111-111111111111", "occurred": "2026-11-23T13:00:00Z", "event": "e",
        "resource": {{"prefect.resource.id": "x"}}, "payload": {{"n": {number}}}}}"""
    assert client.post("/events", content=f"[{event}]").status_code == 422


def test_an_escaped_backslash_before_u0000_is_accepted(client: TestClient, sessions: sessionmaker[Session]) -> None:
    post(client, a_client_event(payload={"a": r"\u0000"}))
    assert log(sessions)[0].payload == {"a": r"\u0000"}


def test_too_many_events_in_one_request_are_refused(client: TestClient) -> None:
    event = {"id": "11111111-1111-4111-8111-111111111111", "occurred": "2026-11-23T13:00:00Z", "event": "e"}
    body = [{**event, "resource": {"prefect.resource.id": "x"}}] * 10_001
    assert "at most 10000" in post(client, *body, status=422).text


def test_a_failed_append_stores_nothing_of_its_batch(
    client: TestClient, sessions: sessionmaker[Session], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_args: object, **_how: object) -> int:
        raise AssertionError

    monkeypatch.setattr("app.log.client_events.append", fail)
    post(client, a_client_event(), status=500)
    monkeypatch.undo()
    post(client, a_client_event())
    assert [row.position for row in log(sessions)] == [1]


def test_the_commit_notifies_listeners_of_new_events_only(client: TestClient, engine: Engine) -> None:
    with Listener(engine, CHANNEL) as listener:
        event = a_client_event()
        post(client, event, a_client_event())
        assert listener.wait(5)
        post(client, event)
        assert not listener.wait(0.1)
