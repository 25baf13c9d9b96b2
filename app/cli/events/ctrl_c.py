"""Ctrl-C for a command that reads the database in a loop."""

import signal
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any, Self


class CtrlC:
    """Turns Ctrl-C into a flag that the command checks between two reads; within a read it would break the session.

    While the command waits, Ctrl-C ends the wait at once. A second Ctrl-C interrupts whatever runs.
    """

    def __init__(self) -> None:
        """Change nothing yet."""
        self.requested = False
        self._waiting = False
        self._previous_handler: Any = None

    def __enter__(self) -> Self:
        """Install the handler; only the main thread can."""
        self._previous_handler = signal.signal(signal.SIGINT, self._on_signal)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Restore the previous handler."""
        signal.signal(signal.SIGINT, self._previous_handler)

    def during(self, wait: Callable[[], object]) -> None:
        """Call a function that Ctrl-C ends at once; do not call it when Ctrl-C was pressed before."""
        try:
            self._waiting = True
            if not self.requested:
                wait()
            self._waiting = False
        except KeyboardInterrupt:
            self._waiting = False
            self.requested = True

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        is_second, self.requested = self.requested, True
        if is_second or self._waiting:
            raise KeyboardInterrupt
