"""`/events/stream`: the log as server-sent events. A reader can resume where it stopped."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy.orm import Session, sessionmaker

from app.api import event_stream
from tests.integration.acts_in_log import OPERATOR
from tests.integration.cli.command_output import run
from tests.integration.client_event import a_client_event, numbered
from tests.integration.events_in_log import an_event, append
from tests.integration.serving import Served
from tests.sockets import numbers
from tests.streams import streamed


def test_new_events_are_streamed(served: Served) -> None:
    served.post(*numbered(1, 3))
    with streamed(served.client) as stream:
        served.post(*numbered(4, 6))
        assert numbers(stream.receive(3)) == [4, 5, 6]


def test_the_events_of_a_command_are_streamed_and_selected_by_their_actor(served: Served) -> None:
    with streamed(served.client, any_resource=f"aftercommit.{OPERATOR.replace(':', '.', 1)}") as stream:
        served.post(*numbered(1, 1))
        assert run("keys", "create", "portal").exit_code == 0
        [event] = stream.receive(1)
    assert (event["event"], event["resource"]["aftercommit.actor"]) == ("aftercommit.key.created", OPERATOR)


def test_an_event_is_streamed_as_logged_and_its_id_is_its_position(served: Served) -> None:
    served.post(*numbered(1, 2))
    with streamed(served.client, after=1) as stream:
        [event] = stream.receive(1)
    assert served.client.post("/events/filter", json={"limit": 1}).json()["events"] == [event]
    assert (stream.last_id, event["position"]) == ("2", 2)


def test_a_reader_resumes_after_its_last_event_id(served: Served) -> None:
    served.post(*numbered(1, 5))
    with streamed(served.client, after=0) as stream:
        assert numbers(stream.receive(2)) == [1, 2]
    with streamed(served.client, last_id=stream.last_id, after=0) as stream:
        assert numbers(stream.receive(3)) == [3, 4, 5]
        served.post(*numbered(6, 6))
        assert numbers(stream.receive(1)) == [6]


def test_a_reader_resumes_however_old_the_events_are(served: Served, sessions: sessionmaker[Session]) -> None:
    old = datetime.now(UTC) - timedelta(days=1000)
    append(sessions, an_event(occurred=old, payload={"number": 1}))
    with streamed(served.client, after=0) as stream:
        assert numbers(stream.receive(1)) == [1]


def test_a_stream_begins_with_the_events_since_a_given_time(served: Served) -> None:
    now = datetime.now(UTC)
    served.post(*numbered(1, 1, occurred=(now - timedelta(days=3)).isoformat()), *numbered(2, 2))
    with streamed(served.client, since=(now - timedelta(days=1)).isoformat()) as stream:
        assert numbers(stream.receive(1)) == [2]


QUERIES: list[dict[str, Any]] = [
    {"event": "want"},
    {"event": ["nothing", "wanted"]},
    {"resource": "wanted"},
    {"any_resource": "wanted"},
    {"text": "wanted"},
]


@pytest.mark.parametrize("query", QUERIES, ids=str)
def test_the_query_selects_events(served: Served, query: dict[str, Any]) -> None:
    def named(name: str, number: int) -> dict[str, Any]:
        resource = {"prefect.resource.id": name}
        return a_client_event(event=name, resource=resource, payload={"number": number, "name": name})

    with streamed(served.client, after=0, **query) as stream:
        served.post(named("other", 1), named("wanted", 2), named("other", 3), named("wanted", 4))
        assert numbers(stream.receive(2)) == [2, 4]


@pytest.mark.parametrize(
    ("query", "status", "text"),
    [
        ({"after": 7}, 409, "position 0"),
        ({"after": -1}, 422, "greater than or equal to 0"),
        ({"after": "x"}, 422, "integer"),
        ({"text": "x" * 201}, 422, "200"),
        ({"event": "\0"}, 422, "NUL"),
    ],
)
def test_an_invalid_stream_request_is_refused_with_the_reason(
    served: Served, query: dict[str, Any], status: int, text: str
) -> None:
    response = served.client.get("/events/stream", params=query)
    assert (response.status_code, text in response.text) == (status, True), response.text


def test_an_idle_stream_sends_heartbeats(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_stream, "HEARTBEAT_SECONDS", 0.05)
    with streamed(served.client) as stream:
        assert (stream.comment(), stream.comment()) == (":", ":")
        served.post(*numbered(1, 1))
        assert numbers(stream.receive(1)) == [1]
