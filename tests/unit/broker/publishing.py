"""A publisher under test, and a broker that accepts messages or hangs."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from uuid import uuid4

from app.broker.doorbell import Doorbell
from app.broker.publisher import Publisher

LONG_INTERVAL = 20.0
"""Longer than any test waits."""


def doorbells(count: int) -> list[Doorbell]:
    """Return `count` doorbells."""
    return [Doorbell(uuid4(), f"number {number}") for number in range(count)]


@contextmanager
def publisher(send: "FakeBroker", size: int = 1000, pace: float = 0.01, linger: float = 0.0) -> Iterator[Publisher]:
    """Yield a publisher and stop it at the end."""
    made = Publisher(send, size=size, pace=pace, linger=linger)
    try:
        yield made
    finally:
        send.gate.set()
        made.stop(5)


class FakeBroker:
    """Records the sent messages; while `gate` is cleared it hangs like a hung broker."""

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

    def has_received(self, messages: int) -> bool:
        """Return whether exactly this many messages were sent."""
        return len(self.messages) == messages

    @property
    def ids(self) -> list[object]:
        """The sent snapshot ids, in order."""
        return [doorbell.snapshot_id for message in self.messages for doorbell in message]
