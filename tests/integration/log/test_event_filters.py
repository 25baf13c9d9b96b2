"""The events that each part of a filter finds."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from fastapi.testclient import TestClient
from sqlalchemy.orm import Session, sessionmaker

from tests.integration.events_in_log import a_related, an_event, append

Sessions = sessionmaker[Session]

FLOW = a_related("prefect.flow.1", "flow", prefect_resource_name="etl")
QUEUE = a_related("prefect.work-queue.1", "work-queue", prefect_resource_name="default")
JSON = {"content-type": "application/json"}
IDS = [UUID(int=number) for number in range(4)]


@pytest.fixture
def log(sessions: Sessions) -> None:
    """Four events, at positions 1 to 4."""
    append(
        sessions,
        an_event(id_=IDS[0], event="prefect.deployment.created", resource_id="d.1", name="nightly", related=[FLOW]),
        an_event(
            id_=IDS[1],
            event="prefect.deployment.updated",
            resource_id="d.1",
            name="nightly",
            related=[FLOW, QUEUE],
            payload={"updates": {"description": {"from": None, "to": 'Says "Émile" 100%'}}},
        ),
        an_event(id_=IDS[2], event="prefect.deployment.deleted", resource_id="d.2", name="hourly_1", related=[QUEUE]),
        an_event(id_=IDS[3], event="custom%event", resource_id="other", name=None, labels={"team": "a*b"}),
    )


def _found(client: TestClient, event_filter: dict[str, Any]) -> list[int]:
    answer = client.post("/events/filter", json={"filter": {"order": "ASC", **event_filter}})
    assert answer.status_code == 200, answer.text
    return [event["position"] for event in answer.json()["events"]]


Case = tuple[dict[str, Any], list[int]]

NAME_CASES: list[Case] = [
    ({"event": {"prefix": ["prefect.deployment."]}}, [1, 2, 3]),
    ({"event": {"prefix": ["prefect.deployment.c", "custom"]}}, [1, 4]),
    ({"event": {"prefix": ["%"]}}, []),
    ({"event": {"prefix": ["custom%"]}}, [4]),
    ({"event": {"prefix": ["prefect_"]}}, []),
    ({"event": {"exclude_prefix": ["prefect.", "nothing"]}}, [4]),
    ({"event": {"name": ["prefect.deployment.created", "custom%event"]}}, [1, 4]),
    ({"event": {"name": ["prefect.deployment"]}}, []),
    ({"event": {"exclude_name": ["prefect.deployment.created"]}}, [2, 3, 4]),
    ({"event": {"prefix": ["prefect."], "exclude_name": ["prefect.deployment.created"]}}, [2, 3]),
    ({"event": {"prefix": [], "name": [], "exclude_name": [], "exclude_prefix": []}}, [1, 2, 3, 4]),
]
RESOURCE_CASES: list[Case] = [
    ({"resource": {"id": ["d.2", "other"]}}, [3, 4]),
    ({"resource": {"id_prefix": ["d."]}}, [1, 2, 3]),
    ({"resource": {"distinct": True}}, [2, 3, 4]),
]
LABEL_CASES: list[Case] = [
    ({"resource": {"labels": {"prefect.resource.name": "nightly"}}}, [1, 2]),
    ({"resource": {"labels": {"prefect.resource.name": ["nightly", "hourly_1"]}}}, [1, 2, 3]),
    ({"resource": {"labels": {"prefect.resource.name": "*ly*"}}}, [1, 2, 3]),
    ({"resource": {"labels": {"prefect.resource.name": "hourly?1"}}}, [3]),
    ({"resource": {"labels": {"prefect.resource.name": "nightl_"}}}, []),
    ({"resource": {"labels": {"prefect.resource.name": "!nightly"}}}, [3]),
    ({"resource": {"labels": {"prefect.resource.name": ["!nightly", "!hour*"]}}}, []),
    ({"resource": {"labels": {"prefect.resource.name": ["*ly*", "!hour*"]}}}, [1, 2]),
    ({"resource": {"labels": {"prefect.resource.name": []}}}, []),
    ({"resource": {"labels": {"prefect.resource.id": "d.*", "prefect.resource.name": "hourly*"}}}, [3]),
    ({"resource": {"labels": {"team": "a*b"}}}, [4]),
]
RELATED_CASES: list[Case] = [
    ({"related": {"id": ["prefect.flow.1"]}}, [1, 2]),
    ({"related": {"role": ["work-queue"]}}, [2, 3]),
    ({"related": {"role": ["work-queue", "flow"]}}, [1, 2, 3]),
    ({"related": {"id": ["prefect.flow.1"], "role": ["work-queue"]}}, []),
    ({"related": {"id": ["prefect.flow.1"], "labels": {"prefect.resource.name": "default"}}}, []),
    ({"related": [{"id": ["prefect.flow.1"]}, {"role": ["work-queue"]}]}, [2]),
    ({"related": {"resources_in_roles": [["prefect.flow.1", "flow"]]}}, [1, 2]),
    ({"related": {"resources_in_roles": [["prefect.flow.1", "work-queue"]]}}, []),
    (
        {"related": {"resources_in_roles": [["prefect.flow.1", "flow"], ["prefect.work-queue.1", "work-queue"]]}},
        [1, 2, 3],
    ),
    ({"related": {"labels": {"prefect.resource.name": ["e?l"]}}}, [1, 2]),
    ({"related": {"labels": {"prefect.resource.name": "!etl"}}}, [2, 3]),
    ({"related": {}}, [1, 2, 3, 4]),
    ({"related": [{}, {}]}, [1, 2, 3, 4]),
]
ANY_RESOURCE_CASES: list[Case] = [
    ({"any_resource": {"id": ["d.2", "prefect.flow.1"]}}, [1, 2, 3]),
    ({"any_resource": {"id_prefix": ["prefect.work-"]}}, [2, 3]),
    ({"any_resource": {"id_prefix": ["d."]}}, [1, 2, 3]),
    ({"any_resource": {"labels": {"prefect.resource.name": ["etl", "hourly*"]}}}, [1, 2, 3]),
    ({"any_resource": {"id": ["d.1"], "labels": {"prefect.resource.name": "etl"}}}, []),
    ({"any_resource": [{"id": ["d.1"]}, {"id": ["prefect.work-queue.1"]}]}, [2]),
    ({"any_resource": {}}, [1, 2, 3, 4]),
]
ID_CASES: list[Case] = [
    ({"id": {"id": [str(IDS[1]), str(IDS[3])]}}, [2, 4]),
    ({"id": {"id": []}}, [1, 2, 3, 4]),
]
TEXT_CASES: list[Case] = [
    ({"text": {"query": "deleted created"}}, [1, 3]),
    ({"text": {"query": "NIGHTLY"}}, [1, 2]),
    ({"text": {"query": "émile"}}, [2]),
    ({"text": {"query": '"says \\"émile\\""'}}, [2]),
    ({"text": {"query": "100%"}}, [2]),
    ({"text": {"query": "1_0%"}}, []),
    ({"text": {"query": "+etl +default"}}, [2]),
    ({"text": {"query": "etl -description"}}, [1]),
    ({"text": {"query": "-etl"}}, [3, 4]),
    ({"text": {"query": "-name"}}, [1, 2, 3, 4]),
    ({"text": {"query": "  "}}, [1, 2, 3, 4]),
]
SEVERAL_CASES: list[Case] = [
    ({}, [1, 2, 3, 4]),
    ({"resource": {"distinct": True}, "event": {"name": ["prefect.deployment.created"]}}, [1]),
    ({"event": {"prefix": ["prefect."]}, "resource": {"id": ["d.1"]}, "related": {"role": ["work-queue"]}}, [2]),
]


@pytest.mark.usefixtures("log")
@pytest.mark.parametrize(
    "cases",
    [
        pytest.param(NAME_CASES, id="by event name"),
        pytest.param(RESOURCE_CASES, id="by resource"),
        pytest.param(LABEL_CASES, id="by label"),
        pytest.param(RELATED_CASES, id="by related resource"),
        pytest.param(ANY_RESOURCE_CASES, id="by any resource"),
        pytest.param(ID_CASES, id="by id"),
        pytest.param(TEXT_CASES, id="by text"),
        pytest.param(SEVERAL_CASES, id="by several parts"),
    ],
)
def test_a_filter_finds_the_matching_events(client: TestClient, cases: list[Case]) -> None:
    assert [(event_filter, _found(client, event_filter)) for event_filter, _ in cases] == cases


def test_the_window_is_inclusive_at_both_ends(client: TestClient, sessions: Sessions) -> None:
    first = datetime.now(UTC) - timedelta(hours=1)
    append(sessions, *(an_event(occurred=first + timedelta(microseconds=at)) for at in range(4)))
    since, until = first + timedelta(microseconds=1), first + timedelta(microseconds=2)
    assert _found(client, {"occurred": {"since": since.isoformat(), "until": until.isoformat()}}) == [2, 3]


def test_an_event_older_than_180_days_is_found_only_on_request(client: TestClient, sessions: Sessions) -> None:
    append(sessions, an_event(occurred=datetime.now(UTC) - timedelta(days=181)))
    assert _found(client, {}) == []
    assert _found(client, {"occurred": {"since": "2001-01-01T00:00:00Z"}}) == [1]


def test_an_event_with_a_future_time_is_found(client: TestClient, sessions: Sessions) -> None:
    append(sessions, an_event(occurred=datetime.now(UTC) + timedelta(minutes=5)))
    assert _found(client, {}) == [1]


def test_a_malformed_filter_is_refused(client: TestClient) -> None:
    nul, half = "a\x00", "\ud800"
    filters: list[Any] = [
        [],
        {"evnt": {}},
        {"order": "UP"},
        {"event": {"name": [nul]}},
        {"event": {"name": [half]}},
        {"resource": {"labels": {nul: "a"}}},
        {"resource": {"labels": {half: "a"}}},
        {"text": {"query": nul}},
        {"text": {"query": half}},
    ]
    bodies = [json.dumps({"filter": event_filter}) for event_filter in filters]
    answers = [client.post("/events/filter", content=body, headers=JSON).status_code for body in bodies]
    assert answers == [422] * len(filters)


def test_of_events_at_one_instant_the_last_in_the_log_is_the_latest(client: TestClient, sessions: Sessions) -> None:
    moment = datetime.now(UTC)
    append(sessions, *(an_event(occurred=moment) for _ in range(3)))
    assert _found(client, {"resource": {"distinct": True}}) == [3]
