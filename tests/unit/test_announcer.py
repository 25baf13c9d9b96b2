"""Readers are told of new events without anybody waiting for the broker."""

import threading
from collections.abc import Iterator

import pytest
from structlog.testing import capture_logs

from app.announcer import Announcer
from tests.waiting import wait_until

told: list[int] = []


@pytest.fixture(autouse=True)
def _nothing_told() -> Iterator[None]:
    told.clear()
    yield
    told.clear()


def test_a_position_is_published_by_another_thread() -> None:
    threads: list[tuple[int, str]] = []
    announcer = Announcer(lambda position: threads.append((position, threading.current_thread().name)))
    announcer.announce(7)
    announcer.stop(5)
    assert threads == [(7, "announcer")]


def test_nobody_waits_for_a_broker_that_hangs_and_what_came_meanwhile_is_one() -> None:
    hanging, go_on = threading.Event(), threading.Event()

    def publish(position: int) -> None:
        hanging.set()
        assert go_on.wait(30)
        told.append(position)

    announcer = Announcer(publish)
    announcer.announce(1)
    assert hanging.wait(30)
    for position in (2, 4, 3):
        # It returns although the broker hangs: otherwise the test would end here.
        announcer.announce(position)
    go_on.set()
    wait_until(lambda: told == [1, 4], "the newest position to be published")
    announcer.stop(5)


def test_a_failed_publish_does_not_end_it() -> None:
    def fail_first(position: int) -> None:
        if position == 1:
            raise ConnectionError
        told.append(position)

    announcer = Announcer(fail_first)
    with capture_logs() as said:
        announcer.announce(1)
        wait_until(lambda: said, "the failure to be logged")
        announcer.announce(2)
        wait_until(lambda: told == [2], "the next one")
    announcer.stop(5)
    assert said[0]["event"] == "wakeup_not_sent"


def test_after_its_end_it_begins_again() -> None:
    announcer = Announcer(told.append)
    for position in (1, 2):
        announcer.announce(position)
        announcer.stop(5)
    assert told == [1, 2]


def test_a_system_without_threads_costs_nothing_but_the_hint(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    with capture_logs() as said:
        Announcer(told.append).announce(1)
    assert said[0]["reason"] == "no thread"
