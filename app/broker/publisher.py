"""A bounded queue and a thread that sends its doorbells: at once after an idle time, at a limited pace under load.

Publishing a message costs as much as a commit and may hang, so no request waits for it. The busier the process or the
broker, the longer a message takes, and the more doorbells share the next one. The sweep finds the snapshots of dropped
doorbells: the rows in the outbox are the truth, and a doorbell is only a hint.
"""

import threading
import time
from collections.abc import Callable, Sequence
from queue import Empty, Full, Queue
from typing import Final

from app.broker.doorbell import Doorbell
from app.broker.problems import describe
from app.telemetry import get_logger

logger = get_logger(__name__)

MESSAGE_LIMIT: Final = 500
"""The maximum number of ids in one message."""
PUBLISHING_SHARE: Final = 0.1
"""The maximum share of its time that the thread publishes, because each message takes CPU time from requests."""
LONGEST_PACE_SECONDS: Final = 0.1
"""The maximum pace that `PUBLISHING_SHARE` may cause."""
STOP_CHECK_SECONDS: Final = 0.2
"""How often the idle thread checks whether it must stop."""
WARNING_SECONDS: Final = 1.0
"""The minimum time between two warnings. During an outage, each request would log one otherwise."""


class Publisher:
    """Sends doorbells from its own thread. `ring` never blocks and never raises."""

    def __init__(
        self, send: Callable[[Sequence[Doorbell]], None], *, size: int, pace: float, linger: float = 0.0
    ) -> None:
        """Create the queue; the first `ring` starts the thread.

        Args:
            send: sends one message with these doorbells.
            size: the maximum number of queued doorbells.
            pace: the minimum seconds from the start of one message to the next; `pace_after` may increase it.
            linger: the minimum seconds from the first doorbell of a message to its start, even after an idle time.
        """
        self._send = send
        self._pace = pace
        self._linger = linger
        self._earliest = 0.0
        self._queue: Queue[Doorbell] = Queue(size)
        self._stopping = threading.Event()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None
        self._last_warning = -WARNING_SECONDS
        self.dropped = 0

    def ring(self, doorbells: Sequence[Doorbell]) -> None:
        """Queue these doorbells. If the queue is full, drop and count the rest."""
        try:
            self._start()
        except RuntimeError:
            # The system cannot start a thread. The change is committed, so the request must not fail.
            self._drop(len(doorbells), "no thread")
            return
        for index, doorbell in enumerate(doorbells):
            try:
                self._queue.put_nowait(doorbell)
            except Full:
                self._drop(len(doorbells) - index, "queue full")
                return

    def stop(self, timeout: float) -> None:
        """Send the queued doorbells, for at most `timeout` seconds, and end the thread."""
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
                started = time.monotonic()
                self._send_or_drop(batch)
                self._earliest = started + pace_after(time.monotonic() - started, self._pace)

    def _gather(self) -> list[Doorbell]:
        try:
            batch = [self._queue.get(timeout=STOP_CHECK_SECONDS)]
        except Empty:
            return []
        # Stopping ends this wait, so that `stop` waits only for the queue and not for the pace.
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
        except Exception as error:  # noqa: BLE001  # Any failure must not end the thread. The sweep finds the rest.
            self._drop(len(batch), f"the broker {describe(error)}")

    def _drop(self, count: int, reason: str) -> None:
        self.dropped += count
        now = time.monotonic()
        if now - self._last_warning >= WARNING_SECONDS:
            self._last_warning = now
            logger.warning("doorbells_dropped", count=count, reason=reason, dropped_so_far=self.dropped)


def pace_after(took: float, pace: float) -> float:
    """Return the minimum seconds from the start of a message to the start of the next one.

    Args:
        took: the seconds that the message took.
        pace: the minimum to return.
    """
    return max(pace, min(took / PUBLISHING_SHARE, LONGEST_PACE_SECONDS))
