"""A failure behind a live reader ends it with the reason, or only delays it."""

from types import ModuleType
from typing import Any

import psycopg
import pytest
from sqlalchemy.exc import OperationalError, ProgrammingError
from structlog.testing import capture_logs

from app.api import event_subscription
from app.log.filter import matching
from app.log.live import hub, watch
from app.log.live.reading import read_page, without_times
from app.schemas.event_queries import EventFilter
from tests.integration.client_event import numbered
from tests.integration.serving import Served
from tests.sockets import closed, connected, numbers, receive, send, since_a_minute, subscribed
from tests.streams import streamed

UNAVAILABLE = OperationalError("", {}, psycopg.OperationalError())
CANCELED = OperationalError("", {}, psycopg.errors.QueryCanceled())
REFUSED = ProgrammingError("", {}, psycopg.errors.UndefinedTable())


def failing(monkeypatch: pytest.MonkeyPatch, name: str, error: Exception, times: int, where: ModuleType = hub) -> None:
    """Make a function that the readers share fail `times` times before it works."""
    failures = iter([error] * times)
    function = getattr(where, name)

    def fail_first(*args: Any) -> Any:
        for failure in failures:
            raise failure
        return function(*args)

    monkeypatch.setattr(where, name, fail_first)
    monkeypatch.setattr(hub, "RETRY_SECONDS", 0.01)


def test_a_reader_waits_while_the_database_is_unavailable_for_a_page(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    served.post(*numbered(1, 3))
    failing(monkeypatch, "read_page", UNAVAILABLE, times=3)
    with subscribed(served.address) as socket:
        assert numbers(receive(socket, 3)) == [1, 2, 3]


def test_the_head_is_read_again_after_an_outage(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    failing(monkeypatch, "newest_event", UNAVAILABLE, times=2, where=watch)
    monkeypatch.setattr(watch, "POLL_SECONDS", 0.05)
    with subscribed(served.address) as socket:
        served.post(*numbered(1, 3))
        assert numbers(receive(socket, 3)) == [1, 2, 3]


def test_a_new_reader_is_refused_while_the_database_is_unavailable(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing(monkeypatch, "newest_event", UNAVAILABLE, times=2)
    with subscribed(served.address) as socket:
        assert closed(socket) == (1013, "Service Unavailable")
    assert served.client.get("/events/stream").status_code == 503
    assert served.live._readers == 0


@pytest.mark.parametrize(("error", "text"), [(CANCELED, "takes too long"), (REFUSED, "cannot answer")])
def test_a_filter_that_the_database_cannot_answer_ends_its_readers_with_the_reason(
    served: Served, monkeypatch: pytest.MonkeyPatch, error: Exception, text: str
) -> None:
    served.post(*numbered(1, 1))
    failing(monkeypatch, "read_page", error, times=2)
    with subscribed(served.address) as socket:
        code, reason = closed(socket)
    assert (code, text in reason) == (1008, True)
    with streamed(served.client, after=0) as stream:
        assert [line for line in stream.lines if text in line] != []


def test_a_failed_feed_ends_its_readers_and_the_next_reader_gets_a_new_feed(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    with streamed(served.client) as stream:
        failing(monkeypatch, "read_page", CANCELED, times=1)
        served.post(*numbered(1, 1))
        assert [line for line in stream.lines if "takes too long" in line] != []
    with streamed(served.client, after=0) as stream:
        assert numbers(stream.receive(1)) == [1]


def test_an_unexpected_error_is_reported_without_its_text(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_args: object) -> None:
        raise AssertionError("hunter2")

    monkeypatch.setattr(event_subscription, "_parse_filter", fail)
    with capture_logs() as log_lines, connected(served.address, "out") as socket:
        send(socket, {"type": "filter", "filter": since_a_minute()})
        assert closed(socket) == (1011, "Internal Server Error")
    assert [line["event"] for line in log_lines].count("request_failed") == 1
    assert "hunter2" not in str(log_lines)


def test_a_client_that_sends_nothing_at_the_start_is_disconnected(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.web.handshake.HANDSHAKE_SECONDS", 0.05)
    with connected(served.address, "out") as socket:
        assert closed(socket) == (1002, "Nothing was sent for 0.05 s.")


def test_a_page_ends_at_its_limits_of_size_events_and_positions(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    served.post(*numbered(1, 10))
    pages = {"PAGE_CHARACTERS": [1, 2, 3], "PAGE_EVENTS": [2, 4, 6], "WINDOW": [3, 6, 9]}
    matches = matching(without_times(EventFilter()))
    for bound, reached in pages.items():
        with monkeypatch.context() as patched, served.live._sessions() as session:
            patched.setattr(f"app.log.live.reading.{bound}", reached[0])
            after, found = 0, []
            for _ in reached:
                after = read_page(session, matches, after, 10).read_until
                found.append(after)
        assert found == reached, bound
