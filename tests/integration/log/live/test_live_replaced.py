"""The database is replaced under a running API: by an older backup, or by a standby that lacks the newest events."""

import pytest
from sqlalchemy import Engine, delete, insert, update

from app.log.live import watch
from app.log.live.watch import LogReplaced
from app.models import EventLog, EventRow
from tests.integration.client_event import numbered
from tests.integration.serving import Served
from tests.sockets import closed, numbers, receive, subscribed
from tests.streams import streamed
from tests.waiting import wait_until


@pytest.fixture(autouse=True)
def _poll_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorten the polling interval: without a broker the log is polled every second."""
    monkeypatch.setattr(watch, "POLL_SECONDS", 0.05)
    monkeypatch.setattr(watch, "SLICE_SECONDS", 0.05)


def restore(engine: Engine, position: int, *later: int) -> None:
    """Restore the log to that position and append other events with these numbers, in one transaction."""
    with engine.begin() as connection:
        connection.execute(delete(EventRow).where(EventRow.position > position))
        connection.execute(update(EventLog).values(position=position + len(later)))
        rows = [
            {**event, "resource_id": "r", "related": [], "position": at}
            for at, event in enumerate(_rows(later), position + 1)
        ]
        if rows:
            connection.execute(insert(EventRow), rows)


def _rows(numbers_: tuple[int, ...]) -> list[dict[str, object]]:
    return [event for number in numbers_ for event in numbered(number, number)]


def test_a_reader_of_a_restored_log_is_disconnected_and_a_new_one_gets_each_new_event(
    served: Served, engine: Engine
) -> None:
    served.post(*numbered(1, 5))
    with subscribed(served.address) as socket:
        assert numbers(receive(socket, 5)) == [1, 2, 3, 4, 5]
        restore(engine, 2)
        assert closed(socket) == (1008, str(LogReplaced(0)))
    with subscribed(served.address, frame={"after": 2}) as socket:
        served.post(*numbered(11, 12))
        assert numbers(receive(socket, 2)) == [11, 12]


def test_a_replaced_log_is_noticed_even_if_it_has_become_longer(served: Served, engine: Engine) -> None:
    served.post(*numbered(1, 5))
    with subscribed(served.address) as socket:
        assert numbers(receive(socket, 5)) == [1, 2, 3, 4, 5]
        restore(engine, 4, 11, 12, 13)
        assert closed(socket) == (1008, str(LogReplaced(0)))
    with subscribed(served.address, frame={"after": 4}) as socket:
        assert numbers(receive(socket, 3)) == [11, 12, 13]


def test_a_replaced_log_disconnects_all_readers_and_ends_their_feeds(served: Served, engine: Engine) -> None:
    served.post(*numbered(1, 5))
    with streamed(served.client, after=0) as stream, subscribed(served.address) as socket:
        assert numbers(stream.receive(5)) == [1, 2, 3, 4, 5]
        restore(engine, 0)
        assert closed(socket) == (1008, str(LogReplaced(0)))
        assert [line for line in stream.lines if str(LogReplaced(0)) in line] != []
    wait_until(lambda: served.live.readers == 0, "everybody has gone")
    assert served.live._feeds == {}
