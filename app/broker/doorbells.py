"""A bounded queue with one thread that sends at once when it was idle, and at a pace when it is busy.

A publish costs as much as a whole commit and may hang, so no request ever waits for it. The busier the process or its
broker is, the longer a publish takes, and the more doorbells share one. What is dropped here is found by the sweep: the
rows in the outbox are the truth, a doorbell is only a hint.
"""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from queue import Empty, Full, Queue
from typing import Final
from uuid import UUID

from app.telemetry import get_logger

logger = get_logger(__name__)

MESSAGE_LIMIT: Final = 500
"""Ids in one message; more make more messages."""
SHARE: Final = 0.1
"""What part of its time the thread publishes at most: each message takes processor time from the requests."""
LONGEST_PACE_SECONDS: Final = 0.1
"""How long doorbells wait for that at most."""
IDLE_SECONDS: Final = 0.2
"""How often the idle thread looks whether it is to stop."""
QUIET_SECONDS: Final = 1.0
"""Between two warnings: an outage under load is one piece of news a second, not one for each request."""


@dataclass(frozen=True, slots=True)
class Doorbell:
    """The id of a stored snapshot, and a short text that tells an operator what it is for."""

    snapshot_id: UUID
    label: str


class Publisher:
    """Sends doorbells from a thread of its own. `ring` never blocks and never raises."""

    def __init__(
        self, send: Callable[[Sequence[Doorbell]], None], *, size: int, pace: float, linger: float = 0.0
    ) -> None:
        """Take the function that sends one message, and the queue's bound.

        From one message to the next there are at least `pace` seconds, and more when messages take long
        (`pace_after`). Also the first one after a pause waits for `linger` seconds.
        """
        self._send = send
        self._pace = pace
        self._linger = linger
        self._earliest = 0.0
        self._queue: Queue[Doorbell] = Queue(size)
        self._stopping = threading.Event()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None
        self._warned = -QUIET_SECONDS
        self.dropped = 0

    def ring(self, doorbells: Sequence[Doorbell]) -> None:
        """Take doorbells for sending; those that the full queue cannot hold are dropped and counted."""
        try:
            self._start()
        except RuntimeError:
            # The system has no thread to give. The change is committed, and must not fail for that.
            self._drop(len(doorbells), "no thread")
            return
        for at, doorbell in enumerate(doorbells):
            try:
                self._queue.put_nowait(doorbell)
            except Full:
                self._drop(len(doorbells) - at, "queue full")
                return

    def stop(self, timeout: float) -> None:
        """Send what is queued, for at most `timeout` seconds, and end the thread."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(timeout)

    def _start(self) -> None:
        if self._thread is not None and self._thread.is_alive():
            return
        with self._starting:
            if self._thread is None or not self._thread.is_alive():
                self._stopping.clear()
                self._thread = threading.Thread(target=self._run, name="publisher", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        while not (self._stopping.is_set() and self._queue.empty()):
            batch = self._gather()
            if batch:
                begun = time.monotonic()
                self._send_or_drop(batch)
                self._earliest = begun + pace_after(time.monotonic() - begun, self._pace)

    def _gather(self) -> list[Doorbell]:
        try:
            batch = [self._queue.get(timeout=IDLE_SECONDS)]
        except Empty:
            return []
        # Whoever stops it waits for the end of the queue, and not for the pace.
        self._stopping.wait(max(self._linger, self._earliest - time.monotonic()))
        while len(batch) < MESSAGE_LIMIT:
            try:
                batch.append(self._queue.get_nowait())
            except Empty:
                break
        return batch

    def _send_or_drop(self, batch: list[Doorbell]) -> None:
        try:
            self._send(batch)
        except Exception as error:  # noqa: BLE001  # The thread's rim: any broker failure leaves it to the sweep.
            self._drop(len(batch), type(error).__name__)

    def _drop(self, count: int, reason: str) -> None:
        self.dropped += count
        now = time.monotonic()
        if now - self._warned >= QUIET_SECONDS:
            self._warned = now
            logger.warning("doorbells_dropped", count=count, reason=reason, dropped_so_far=self.dropped)


def pace_after(took: float, pace: float) -> float:
    """Return how many seconds after the beginning of a message the next one may begin.

    Args:
        took: the seconds that the message took.
        pace: the seconds between two messages that take no time.
    """
    return max(pace, min(took / SHARE, LONGEST_PACE_SECONDS))
