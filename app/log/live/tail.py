"""Watches how far the log reaches, in one thread for the whole process."""

import threading
import time
from collections.abc import Callable
from typing import Final

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session, sessionmaker

from app.log.read import Newest, holds, newest_event
from app.telemetry import get_logger
from app.wakeup import Wakeups

logger = get_logger(__name__)

POLL_SECONDS: Final = 1.0
"""Without wake-ups, because the broker is away, the log is looked at this often."""
SLICE_SECONDS: Final = 0.2
"""How long a wait for a wake-up may hold up the end."""


class Tail:
    """Tells from its thread how far the log reaches, whenever it may have grown."""

    def __init__(
        self,
        sessions: sessionmaker[Session],
        broker_url: str,
        seen: Newest,
        grown: Callable[[int], None],
        replaced: Callable[[int], None],
    ) -> None:
        """Take the sessions to look with, where the wake-ups come from, and how far the log reached; nothing runs yet.

        `grown` is called with the log's last position. So is `replaced`, once, when the newest event of the look before
        is not in the log any more: an older backup was restored, or a standby took over that lacked it.
        """
        self._sessions = sessions
        self._broker_url = broker_url
        self._grown = grown
        self._replaced = replaced
        self._seen = seen
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="tail", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """End within moments, unless the database hangs; the thread is left alone then."""
        self._stopping.set()
        self._thread.join(2 * SLICE_SECONDS)

    def _run(self) -> None:
        with Wakeups(self._broker_url) as wakeups:
            while not self._stopping.is_set():
                self._look()
                self._wait(wakeups)

    def _look(self) -> None:
        try:
            with self._sessions() as session:
                newest = newest_event(session)
                is_replaced = not holds(session, self._seen)
        except SQLAlchemyError as error:
            # The database is away: the readers stay, and the next look may find it again.
            logger.debug("log_not_read", reason=type(error).__name__)
            return
        self._seen = newest
        if not self._stopping.is_set():
            tell = self._replaced if is_replaced else self._grown
            tell(newest.position)

    def _wait(self, wakeups: Wakeups) -> None:
        until = time.monotonic() + POLL_SECONDS
        while not self._stopping.is_set() and (left := until - time.monotonic()) > 0:
            if wakeups.wait(min(left, SLICE_SECONDS)):
                return
