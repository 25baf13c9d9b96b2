"""Watches the end of the log: reads its last position, notices when the log was replaced, and waits for it to grow."""

import threading
import time
from collections.abc import Callable
from typing import Final, NamedTuple
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session, sessionmaker

from app.errors import Conflict
from app.log.append import CHANNEL
from app.models import EventRow
from app.postgres.engine import autocommit_session
from app.postgres.listening import Listener
from app.telemetry import get_logger

logger = get_logger(__name__)

POLL_SECONDS: Final = 1.0
"""How often the log's last position is read when no notification arrives."""


SLICE_SECONDS: Final = 0.2
"""The longest single wait for a notification, so that the thread ends soon when it is stopped."""


class Newest(NamedTuple):
    """The position and the id of the newest event; 0 and None when the log is empty."""

    position: int
    id: UUID | None


class LogReplaced(Conflict):
    """The log is not the one that was read: a backup was restored, or a standby without the newest events took over.

    Positions that were read before now belong to other events, so a reader that continued would miss these.
    """

    def __init__(self, head: int) -> None:
        """Store `head`, the last position of the new log."""
        super().__init__("The log was replaced by another one, for example by a restored backup. Start reading again.")
        self.head = head


class LogWatch:
    """Reads the log's last position, and notices when the log was replaced since the previous call."""

    def __init__(self, sessions: sessionmaker[Session], seen: Newest | None = None) -> None:
        """Store the session factory, and the newest event that the caller has seen, if any."""
        self._sessions = sessions
        self._seen = seen

    def listener(self) -> Listener:
        """Return a listener for the log's notifications. Enter it in the thread that waits."""
        return Listener(self._sessions.kw["bind"], CHANNEL)

    def head(self) -> int:
        """Return the log's last position.

        Raises:
            LogReplaced: the log has lost the newest event of the last call. The next call accepts the new log.
            sqlalchemy.exc.SQLAlchemyError: the database does not answer.
        """
        with autocommit_session(self._sessions) as session:
            newest = newest_event(session)
            is_replaced = self._seen is not None and not has_event(session, self._seen)
        self._seen = newest
        if is_replaced:
            raise LogReplaced(newest.position)
        return newest.position


class Tail:
    """Reports the log's last position from its own thread, after each notification and at least every second."""

    def __init__(
        self, watch: LogWatch, on_head: Callable[[int], None], on_replaced: Callable[[LogReplaced], None]
    ) -> None:
        """Prepare the thread without starting it.

        `on_head` is called with the log's last position after each check, `on_replaced` once when the log was replaced.
        """
        self._watch = watch
        self._on_head = on_head
        self._on_replaced = on_replaced
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="tail", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread within 0.4 seconds. A thread that waits for a hung database is left running."""
        self._stopping.set()
        self._thread.join(2 * SLICE_SECONDS)

    def _run(self) -> None:
        with self._watch.listener() as listener:
            while not self._stopping.is_set():
                self._check()
                self._wait(listener)

    def _check(self) -> None:
        try:
            head = self._watch.head()
        except LogReplaced as error:
            if not self._stopping.is_set():
                self._on_replaced(error)
        except SQLAlchemyError as error:
            # The database does not answer. The readers stay, and a later check may succeed.
            logger.debug("log_not_read", reason=type(error).__name__)
        else:
            if not self._stopping.is_set():
                self._on_head(head)

    def _wait(self, listener: Listener) -> None:
        deadline = time.monotonic() + POLL_SECONDS
        while not self._stopping.is_set() and (remaining := deadline - time.monotonic()) > 0:
            if listener.wait(min(remaining, SLICE_SECONDS)):
                return


def newest_event(session: Session) -> Newest:
    """Return the newest event in the log."""
    newest = select(EventRow.position, EventRow.id).order_by(EventRow.position.desc()).limit(1)
    row = session.execute(newest).one_or_none()
    return Newest(*row) if row is not None else Newest(0, None)


def has_event(session: Session, newest: Newest) -> bool:
    """Return whether the log still has its newest event of an earlier time. True if the log was empty then."""
    if newest.id is None:
        return True
    return session.scalar(select(EventRow.id).where(EventRow.position == newest.position)) == newest.id
