"""The publisher: it combines doorbells into messages, has a bounded queue, and never makes its caller wait."""

import threading
import time

import pytest

from app.broker.publisher import MESSAGE_LIMIT, Publisher
from tests.unit.broker.publishing import LONG_INTERVAL, FakeBroker, doorbells, publisher
from tests.waiting import wait_until


def test_doorbells_that_gather_are_sent_as_one_message_in_order() -> None:
    sent, bells = FakeBroker(), doorbells(50)
    with publisher(sent, linger=0.2) as ours:
        for bell in bells:
            ours.ring([bell])
        wait_until(lambda: sent.messages, "a message")
    assert [len(message) for message in sent.messages] == [50]
    assert sent.ids == [bell.snapshot_id for bell in bells]


def test_a_message_has_a_maximum_size() -> None:
    sent, bells = FakeBroker(), doorbells(MESSAGE_LIMIT + 1)
    with publisher(sent, linger=0.2) as ours:
        ours.ring(bells)
        wait_until(lambda: len(sent.ids) == len(bells), "all messages")
    assert [len(message) for message in sent.messages] == [MESSAGE_LIMIT, 1]


def test_ringing_does_not_wait_for_a_hung_broker_and_a_full_queue_drops_and_counts() -> None:
    sent = FakeBroker()
    sent.gate.clear()
    with publisher(sent, size=10) as ours:
        ours.ring(doorbells(1))
        assert sent.entered.wait(5)
        ours.ring(doorbells(25))
        assert ours.dropped == 15
        assert sent.messages == []


def test_a_failed_message_is_dropped_and_the_next_one_is_sent() -> None:
    sent = FakeBroker()
    sent.error = ConnectionError("refused")
    with publisher(sent) as ours:
        ours.ring(doorbells(3))
        wait_until(lambda: ours.dropped == 3, "the drop")
        sent.error = None
        ours.ring(doorbells(2))
        wait_until(lambda: len(sent.ids) == 2, "the next message")


def test_stopping_sends_what_is_queued() -> None:
    sent = FakeBroker()
    with publisher(sent, linger=0.3) as ours:
        ours.ring(doorbells(3))
        ours.stop(10)
        assert len(sent.ids) == 3


@pytest.mark.parametrize(("pace", "linger"), [(LONG_INTERVAL, 0.0), (0.0, LONG_INTERVAL)], ids=["pace", "linger"])
def test_stopping_sends_the_next_message_at_once(pace: float, linger: float) -> None:
    sent, bells = FakeBroker(), doorbells(3)
    with publisher(sent, pace=pace, linger=linger) as ours:
        ours.ring(bells[:1])
        if pace:
            wait_until(lambda: sent.messages, "the first message")
        ours.ring(bells[1:])
        begun = time.monotonic()
        ours.stop(LONG_INTERVAL)
        assert time.monotonic() - begun < LONG_INTERVAL / 4
    assert sent.ids == [bell.snapshot_id for bell in bells]


def test_stopping_with_a_hung_broker_ends_in_time() -> None:
    sent = FakeBroker()
    sent.gate.clear()
    with publisher(sent) as ours:
        ours.ring(doorbells(1))
        assert sent.entered.wait(5)
        ours.stop(0.05)
        assert sent.messages == []


def test_a_stopped_publisher_starts_again_at_the_next_doorbell() -> None:
    sent = FakeBroker()
    with publisher(sent) as ours:
        ours.ring(doorbells(1))
        ours.stop(5)
        ours.ring(doorbells(1))
        wait_until(lambda: len(sent.ids) == 2, "the second message")


def test_stopping_a_publisher_that_never_ran_is_allowed() -> None:
    Publisher(FakeBroker(), size=1, pace=0).stop(1)


def test_without_a_free_thread_doorbells_are_dropped_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    ours = Publisher(FakeBroker(), size=10, pace=0)
    ours.ring(doorbells(3))
    assert ours.dropped == 3


def test_an_outage_is_logged_once_a_second_and_not_for_each_request(capfd: pytest.CaptureFixture[str]) -> None:
    sent = FakeBroker()
    sent.gate.clear()
    with publisher(sent, size=1) as ours:
        ours.ring(doorbells(1))
        assert sent.entered.wait(5)
        for _ in range(100):
            ours.ring(doorbells(2))
        assert ours.dropped >= 199
    logged = capfd.readouterr()
    assert (logged.err + logged.out).count("doorbells_dropped") <= 2
