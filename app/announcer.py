"""Tells readers of new events from a thread of its own, so that no request waits for a broker that hangs."""

import threading
from collections.abc import Callable
from functools import lru_cache, partial

from app.settings import get_settings
from app.telemetry import get_logger
from app.wakeup import notify

logger = get_logger(__name__)


class Announcer:
    """Publishes the newest position that it was given. `announce` never blocks and never raises.

    Positions that come while it publishes are one: a wake-up says that there is something new, not what.
    """

    def __init__(self, publish: Callable[[int], None]) -> None:
        """Take the function that publishes a position; it may be slow."""
        self._publish = publish
        self._news = threading.Condition()
        self._position: int | None = None
        self._stopping = False
        self._thread: threading.Thread | None = None

    def announce(self, position: int) -> None:
        """Tell readers that the log reaches up to this position, soon. Call it after the commit."""
        with self._news:
            self._position = max(position, self._position or 0)
            self._news.notify()
            try:
                self._start()
            except RuntimeError:
                # The system has no thread to give. The readers' polling finds the events.
                logger.warning("wakeup_not_sent", reason="no thread")

    def stop(self, timeout: float) -> None:
        """Publish what is left, for at most `timeout` seconds, and end the thread."""
        with self._news:
            self._stopping = True
            self._news.notify()
        if self._thread is not None:
            self._thread.join(timeout)

    def _start(self) -> None:
        if self._thread is None or not self._thread.is_alive():
            self._stopping = False
            thread = threading.Thread(target=self._run, name="announcer", daemon=True)
            thread.start()
            self._thread = thread

    def _run(self) -> None:
        while (position := self._next()) is not None:
            try:
                self._publish(position)
            except Exception as error:  # noqa: BLE001  # The thread's rim: a hint that is lost costs one poll.
                logger.warning("wakeup_not_sent", reason=type(error).__name__)

    def _next(self) -> int | None:
        """Wait for a position, and take it; None when it is time to stop and nothing is left."""
        with self._news:
            self._news.wait_for(lambda: self._stopping or self._position is not None)
            position, self._position = self._position, None
            return position


@lru_cache
def announcer(broker_url: str) -> Announcer:
    """Return the announcer of this process for that broker."""
    return Announcer(partial(notify, broker_url))


def close(timeout: float = 1.0) -> None:
    """Publish what is left, for at most `timeout` seconds; the process is about to end."""
    if announcer.cache_info().currsize:
        announcer(get_settings().broker_url).stop(timeout)
