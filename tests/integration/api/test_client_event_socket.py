"""`/events/in`: each frame of a client holds one event, which is appended to the log."""

from collections.abc import Sequence

import psycopg
import pytest
from sqlalchemy import select
from sqlalchemy.exc import DataError, OperationalError
from sqlalchemy.orm import Session, sessionmaker
from structlog.testing import capture_logs

from app.api import client_events
from app.capture.masking import Masker
from app.log.client_events import append_client_events
from app.models import EventRow
from app.postgres.bulk import json_field
from app.schemas.client_events import ClientEvent
from tests.integration.client_event import a_client_event, numbered
from tests.integration.serving import Served
from tests.sockets import closed, connected, send
from tests.waiting import wait_until


def logged_numbers(sessions: sessionmaker[Session]) -> list[int]:
    with sessions() as session:
        return [row.payload["number"] for row in session.scalars(select(EventRow).order_by(EventRow.position))]


def test_each_frame_becomes_an_event_in_the_order_of_the_frames(
    served: Served, sessions: sessionmaker[Session]
) -> None:
    with connected(served.address, "in") as socket:
        for event in numbered(1, 50):
            send(socket, event)
    wait_until(lambda: logged_numbers(sessions) == list(range(1, 51)), "all events in the log")


def test_events_that_are_sent_twice_are_in_the_log_once(served: Served, sessions: sessionmaker[Session]) -> None:
    events = numbered(1, 3)
    for _ in range(2):
        with connected(served.address, "in") as socket:
            for event in events:
                send(socket, event)
    with connected(served.address, "in") as socket:
        send(socket, a_client_event(payload={"number": 4}))
    wait_until(lambda: len(logged_numbers(sessions)) > 3, "the last event in the log")
    assert sorted(logged_numbers(sessions)) == [1, 2, 3, 4]


def test_an_invalid_frame_is_refused_without_affecting_other_frames(
    served: Served, sessions: sessionmaker[Session]
) -> None:
    with capture_logs() as log_lines, connected(served.address, "in") as socket:
        send(socket, a_client_event(payload={"number": 1}))
        socket.send("no JSON")
        send(socket, a_client_event(payload={"number": 2, "secret": "hunter2\0"}))
        send(socket, a_client_event(payload={"number": 3}))
        wait_until(lambda: logged_numbers(sessions) == [1, 3], "the good events in the log")
    assert [line["event"] for line in log_lines].count("client_event_refused") == 2
    assert "hunter2" not in str(log_lines)


def test_no_event_is_lost_while_the_database_is_briefly_unavailable(
    served: Served, sessions: sessionmaker[Session], monkeypatch: pytest.MonkeyPatch
) -> None:
    failures = iter([OperationalError("", {}, Exception()), OperationalError("", {}, Exception())])

    def fail_twice(session: Session, events: Sequence[ClientEvent], masker: Masker) -> None:
        for failure in failures:
            raise failure
        append_client_events(session, events, masker)

    monkeypatch.setattr(client_events, "append_client_events", fail_twice)
    monkeypatch.setattr(client_events, "RETRY_SECONDS", (0.01, 0.01))
    with connected(served.address, "in") as socket:
        send(socket, a_client_event(payload={"number": 1}))
    wait_until(lambda: logged_numbers(sessions) == [1], "the event in the log")


def test_an_event_that_the_database_refuses_does_not_affect_its_batch(
    served: Served, sessions: sessionmaker[Session], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse_two(payload: dict[str, int]) -> bytes:
        if payload["number"] == 2:
            raise DataError("", {}, psycopg.errors.NumericValueOutOfRange())
        return json_field(payload)

    monkeypatch.setattr("app.log.append.json_field", refuse_two)
    monkeypatch.setattr(client_events, "GATHER_SECONDS", 10.0)
    monkeypatch.setattr(client_events, "GATHER_EVENTS", 3)
    with capture_logs() as log_lines, connected(served.address, "in") as socket:
        for event in numbered(1, 3):
            send(socket, event)
        wait_until(lambda: logged_numbers(sessions) == [1, 3], "the good events in the log")
    assert [line["event"] for line in log_lines].count("client_event_refused") == 1


def test_a_lasting_outage_of_the_database_closes_the_socket_so_that_the_client_resends(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_args: object) -> None:
        raise OperationalError("", {}, Exception())

    monkeypatch.setattr(client_events, "append_client_events", fail)
    monkeypatch.setattr(client_events, "RETRY_SECONDS", (0.01,))
    with connected(served.address, "in") as socket:
        send(socket, a_client_event())
        assert closed(socket)[0] == 1013
