"""The publisher: coalesced, bounded, and harmless."""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from uuid import uuid4

import pytest

from app.publisher import LONGEST_PACE_SECONDS, MESSAGE_LIMIT, SHARE, Doorbell, Publisher, pace_after
from tests.waiting import wait_until

LONG_SECONDS = 20.0
"""Nobody waits for so long here."""


def doorbells(count: int) -> list[Doorbell]:
    return [Doorbell(uuid4(), f"number {number}") for number in range(count)]


@contextmanager
def publisher(send: "Sent", size: int = 1000, pace: float = 0.01, linger: float = 0.0) -> Iterator[Publisher]:
    """Give a publisher that is stopped at the end."""
    made = Publisher(send, size=size, pace=pace, linger=linger)
    try:
        yield made
    finally:
        send.gate.set()
        made.stop(5)


class Sent:
    """Keeps what was sent; with `gate` cleared it hangs, as a silent broker does."""

    def __init__(self) -> None:
        self.messages: list[list[Doorbell]] = []
        self.gate = threading.Event()
        self.gate.set()
        self.entered = threading.Event()
        self.error: Exception | None = None

    def __call__(self, batch: Sequence[Doorbell]) -> None:
        self.entered.set()
        assert self.gate.wait(10)
        if self.error is not None:
            raise self.error
        self.messages.append(list(batch))

    def has(self, messages: int) -> bool:
        return len(self.messages) == messages

    @property
    def ids(self) -> list[object]:
        return [doorbell.snapshot_id for message in self.messages for doorbell in message]


def test_what_gathers_goes_out_as_one_message_in_order() -> None:
    sent, bells = Sent(), doorbells(50)
    with publisher(sent, linger=0.2) as ours:
        for bell in bells:
            ours.ring([bell])
        wait_until(lambda: sent.messages, "a message")
    assert [len(message) for message in sent.messages] == [50]
    assert sent.ids == [bell.snapshot_id for bell in bells]


def test_a_message_has_a_bound() -> None:
    sent, bells = Sent(), doorbells(MESSAGE_LIMIT + 1)
    with publisher(sent, linger=0.2) as ours:
        ours.ring(bells)
        wait_until(lambda: len(sent.ids) == len(bells), "all messages")
    assert [len(message) for message in sent.messages] == [MESSAGE_LIMIT, 1]


def test_ringing_does_not_wait_for_a_silent_broker_and_a_full_queue_drops_and_counts() -> None:
    sent = Sent()
    sent.gate.clear()
    with publisher(sent, size=10) as ours:
        ours.ring(doorbells(1))
        assert sent.entered.wait(5)
        ours.ring(doorbells(25))
        assert ours.dropped == 15
        assert sent.messages == []


def test_a_failed_message_is_dropped_and_the_next_goes_out() -> None:
    sent = Sent()
    sent.error = ConnectionError("refused")
    with publisher(sent) as ours:
        ours.ring(doorbells(3))
        wait_until(lambda: ours.dropped == 3, "the drop")
        sent.error = None
        ours.ring(doorbells(2))
        wait_until(lambda: len(sent.ids) == 2, "the next message")


def test_stopping_sends_what_is_queued() -> None:
    sent = Sent()
    with publisher(sent, linger=0.3) as ours:
        ours.ring(doorbells(3))
        ours.stop(10)
        assert len(sent.ids) == 3


def test_after_a_pause_the_first_goes_out_at_once_and_the_others_share_the_next_message() -> None:
    sent, bells = Sent(), doorbells(20)
    with publisher(sent, pace=LONG_SECONDS) as ours:
        ours.ring(bells[:1])
        wait_until(lambda: sent.messages, "the first message")
        for bell in bells[1:]:
            ours.ring([bell])
        ours.stop(10)
    assert [len(message) for message in sent.messages] == [1, 19]
    assert sent.ids == [bell.snapshot_id for bell in bells]


def test_two_messages_are_a_pace_apart_also_when_sending_takes_no_time() -> None:
    sent = Sent()
    with publisher(sent, pace=0.1) as ours:
        begun = time.monotonic()
        for _ in range(4):
            wanted = len(sent.messages) + 1
            ours.ring(doorbells(1))
            wait_until(partial(sent.has, wanted), "the next message")
    assert time.monotonic() - begun >= 0.3


@pytest.mark.parametrize(
    ("took", "expected"),
    [(0.0, 0.012), (0.001, 0.012), (0.004, 0.04), (5.0, LONGEST_PACE_SECONDS)],
    ids=["no time", "little", "long", "an outage"],
)
def test_the_longer_a_message_takes_the_later_is_the_next_up_to_a_bound(took: float, expected: float) -> None:
    assert pace_after(took, pace=0.012) == pytest.approx(expected)


def test_a_pace_beyond_the_bound_stays() -> None:
    assert pace_after(5.0, pace=0.5) == 0.5


def test_what_rings_while_messages_take_long_waits_for_the_share_of_the_thread() -> None:
    takes, begun = 0.008, list[float]()

    def send(_batch: Sequence[Doorbell]) -> None:
        begun.append(time.monotonic())
        threading.Event().wait(takes)

    ours = Publisher(send, size=10, pace=0.0)
    for number in (1, 2, 3):
        ours.ring(doorbells(1))
        wait_until(lambda wanted=number: len(begun) == wanted, "the next message")  # type: ignore[misc]
    ours.stop(5)
    assert begun[2] - begun[0] >= 2 * takes / SHARE


@pytest.mark.parametrize(("pace", "linger"), [(LONG_SECONDS, 0.0), (0.0, LONG_SECONDS)], ids=["pace", "linger"])
def test_stopping_does_not_wait_until_the_next_message_is_due(pace: float, linger: float) -> None:
    sent, bells = Sent(), doorbells(3)
    with publisher(sent, pace=pace, linger=linger) as ours:
        ours.ring(bells[:1])
        if pace:
            wait_until(lambda: sent.messages, "the first message")
        ours.ring(bells[1:])
        begun = time.monotonic()
        ours.stop(LONG_SECONDS)
        assert time.monotonic() - begun < LONG_SECONDS / 4
    assert sent.ids == [bell.snapshot_id for bell in bells]


def test_stopping_gives_up_on_a_silent_broker_in_time() -> None:
    sent = Sent()
    sent.gate.clear()
    with publisher(sent) as ours:
        ours.ring(doorbells(1))
        assert sent.entered.wait(5)
        ours.stop(0.05)
        assert sent.messages == []


def test_a_stopped_publisher_starts_again_when_it_is_rung() -> None:
    sent = Sent()
    with publisher(sent) as ours:
        ours.ring(doorbells(1))
        ours.stop(5)
        ours.ring(doorbells(1))
        wait_until(lambda: len(sent.ids) == 2, "the second message")


def test_stopping_one_that_never_ran_is_nothing() -> None:
    Publisher(Sent(), size=1, pace=0).stop(1)


def test_a_system_without_a_thread_to_give_drops_and_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    ours = Publisher(Sent(), size=10, pace=0)
    ours.ring(doorbells(3))
    assert ours.dropped == 3


def test_an_outage_is_said_once_a_second_and_not_for_each_request(capfd: pytest.CaptureFixture[str]) -> None:
    sent = Sent()
    sent.gate.clear()
    with publisher(sent, size=1) as ours:
        ours.ring(doorbells(1))
        assert sent.entered.wait(5)
        for _ in range(100):
            ours.ring(doorbells(2))
        assert ours.dropped >= 199
    logged = capfd.readouterr()
    assert (logged.err + logged.out).count("doorbells_dropped") <= 2
