"""Follows the event log by position, whatever happens to the database meanwhile, until Ctrl-C."""

import signal
from collections.abc import Callable, Sequence
from types import FrameType, TracebackType
from typing import Any, Self

from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.orm import Session, sessionmaker

from app.log.read import head_position, read_from
from app.models import EventRow
from app.postgres.engine import describe

BATCH = 100
"""Events that are read at once; one can be more than a megabyte."""


class Follower:
    """Reads what is new since the last time, each event once and in the order of the log."""

    def __init__(self, sessions: sessionmaker[Session], start: int | None, report: Callable[[str], None]) -> None:
        """Start at the position `start`, or behind the newest event when it is None.

        `report` is told once when the database goes away, and once when it is back.
        """
        self._sessions = sessions
        self._next = start
        self._report = report
        self._away = False

    def read(self) -> Sequence[EventRow]:
        """Return the next events, at most `BATCH`; none when there are none or the database does not answer."""
        try:
            with self._sessions() as session:
                if self._next is None:
                    self._next = head_position(session) + 1
                events = read_from(session, self._next, BATCH)
        except (OperationalError, InterfaceError) as error:
            self._set_away(f"The database does not answer ({describe(error)}): trying again.")
            return []
        self._set_back()
        if events:
            self._next = events[-1].position + 1
        return events

    def _set_away(self, text: str) -> None:
        if not self._away:
            self._report(text)
        self._away = True

    def _set_back(self) -> None:
        if self._away:
            self._report("The database answers again.")
        self._away = False


class CtrlC:
    """Ctrl-C as a wish that is granted between two reads: in the midst of one, it would break the driver's session.

    It ends a wait at once. A second Ctrl-C interrupts whatever runs.
    """

    def __init__(self) -> None:
        """Nothing is wished for yet, and Ctrl-C is as it was."""
        self.wished = False
        self._waiting = False
        self._before: Any = None

    def __enter__(self) -> Self:
        """Take over Ctrl-C; only the main thread can."""
        self._before = signal.signal(signal.SIGINT, self._on_signal)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give Ctrl-C back."""
        signal.signal(signal.SIGINT, self._before)

    def during(self, wait: Callable[[], object]) -> None:
        """Call a function that Ctrl-C ends at once, unless it was pressed before."""
        try:
            self._waiting = True
            if not self.wished:
                wait()
            self._waiting = False
        except KeyboardInterrupt:
            self._waiting = False
            self.wished = True

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        hurried, self.wished = self.wished, True
        if hurried or self._waiting:
            raise KeyboardInterrupt
