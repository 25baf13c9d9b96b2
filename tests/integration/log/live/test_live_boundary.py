"""No event is missing or sent twice where a reader passes from past events to new ones."""

import threading
from collections.abc import Callable
from typing import Any

import pytest

from app.log.live import hub
from app.log.live.reading import read_page
from tests.integration.client_event import numbered
from tests.integration.serving import Served
from tests.sockets import numbers, receive, subscribed
from tests.streams import streamed
from tests.waiting import wait_until


class PauseAfterCall:
    """Pause the first call of a function after the function has run and before it returns."""

    def __init__(self, function: Callable[..., Any]) -> None:
        """Wrap the function."""
        self._function = function
        self._first = threading.Lock()
        self.done = threading.Event()
        self.go_on = threading.Event()

    def __call__(self, *args: Any) -> Any:
        """Call the function; the first call waits before it returns."""
        result = self._function(*args)
        if self._first.acquire(blocking=False):
            self.done.set()
            assert self.go_on.wait(30)
        return result


def test_events_that_are_appended_while_past_events_are_read_come_once(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    served.post(*numbered(1, 5))
    with streamed(served.client) as other:
        held = PauseAfterCall(read_page)
        monkeypatch.setattr(hub, "read_page", held)
        with subscribed(served.address) as socket:
            assert held.done.wait(30)
            assert len(served.live._feeds) == 1
            # The reader has read its page of past events, and the shared feed goes on without it.
            served.post(*numbered(6, 10))
            assert numbers(other.receive(5)) == [6, 7, 8, 9, 10]
            held.go_on.set()
            assert numbers(receive(socket, 10)) == list(range(1, 11))
            served.post(*numbered(11, 11))
            assert numbers(receive(socket, 1)) == [11]


@pytest.mark.parametrize("step", ["position_before", "newest_event"])
def test_events_that_are_appended_while_the_start_position_is_read_come_once(
    served: Served, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    served.post(*numbered(1, 3))
    held = PauseAfterCall(getattr(hub, step))
    monkeypatch.setattr(hub, step, held)
    with subscribed(served.address) as socket:
        assert held.done.wait(30)
        served.post(*numbered(4, 6))
        held.go_on.set()
        assert numbers(receive(socket, 6)) == list(range(1, 7))


def test_a_reader_that_falls_behind_the_feed_catches_up(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "FEED_CHARACTERS", 0)
    with subscribed(served.address) as socket, streamed(served.client) as stream:
        for first in range(1, 1000, 100):
            served.post(*numbered(first, first + 99))
        assert numbers(receive(socket, 1000)) == numbers(stream.receive(1000)) == list(range(1, 1001))


def test_no_feed_remains_after_its_readers_have_left(served: Served) -> None:
    for _ in range(3):
        with subscribed(served.address, {"event": {"name": ["a"]}}), streamed(served.client):
            wait_until(lambda: len(served.live._feeds) == 2, "two feeds")
        wait_until(lambda: not served.live._feeds and served.live._readers == 0, "no feed and no reader")
