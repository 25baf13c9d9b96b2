"""The interval between the publisher's messages."""

import threading
import time
from collections.abc import Sequence
from functools import partial

import pytest

from app.broker.doorbell import Doorbell
from app.broker.publisher import LONGEST_PACE_SECONDS, PUBLISHING_SHARE, Publisher, pace_after
from tests.unit.broker.publishing import LONG_INTERVAL, FakeBroker, doorbells, publisher
from tests.waiting import wait_until


def test_after_a_pause_the_first_doorbell_is_sent_at_once_and_the_others_share_the_next_message() -> None:
    sent, bells = FakeBroker(), doorbells(20)
    with publisher(sent, pace=LONG_INTERVAL) as ours:
        ours.ring(bells[:1])
        wait_until(lambda: sent.messages, "the first message")
        for bell in bells[1:]:
            ours.ring([bell])
        ours.stop(10)
    assert [len(message) for message in sent.messages] == [1, 19]
    assert sent.ids == [bell.snapshot_id for bell in bells]


def test_two_messages_are_at_least_one_pace_apart() -> None:
    sent = FakeBroker()
    with publisher(sent, pace=0.1) as ours:
        begun = time.monotonic()
        for _ in range(4):
            wanted = len(sent.messages) + 1
            ours.ring(doorbells(1))
            wait_until(partial(sent.has_received, wanted), "the next message")
    assert time.monotonic() - begun >= 0.3


@pytest.mark.parametrize(
    ("took", "expected"),
    [(0.0, 0.012), (0.001, 0.012), (0.004, 0.04), (5.0, LONGEST_PACE_SECONDS)],
    ids=["no time", "little", "long", "an outage"],
)
def test_the_pace_grows_with_the_duration_of_sending_up_to_a_limit(took: float, expected: float) -> None:
    assert pace_after(took, pace=0.012) == pytest.approx(expected)


def test_a_configured_pace_above_the_limit_is_kept() -> None:
    assert pace_after(5.0, pace=0.5) == 0.5


def test_the_publisher_uses_at_most_its_share_of_the_time_for_sending() -> None:
    takes, begun = 0.008, list[float]()

    def send(_batch: Sequence[Doorbell]) -> None:
        begun.append(time.monotonic())
        threading.Event().wait(takes)

    ours = Publisher(send, size=10, pace=0.0)
    for number in (1, 2, 3):
        ours.ring(doorbells(1))
        wait_until(lambda wanted=number: len(begun) == wanted, "the next message")  # type: ignore[misc]
    ours.stop(5)
    assert begun[2] - begun[0] >= 2 * takes / PUBLISHING_SHARE
