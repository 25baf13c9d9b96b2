"""Wishes to stop: Ctrl-C and the signals that mean the same."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Self


class StopRequests:
    """Counts the wishes to stop (Ctrl-C, SIGTERM, SIGHUP) while it is entered; the main thread enters it.

    A wish does not break into the code at any point, because a child process that was started in that very instant
    would be forgotten. The code asks with `check` where it is safe, and allows a break with `interrupting`.
    """

    _SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def __init__(self) -> None:
        self.count = 0
        self._interrupting = False

    def __enter__(self) -> Self:
        self._before = {number: signal.signal(number, self._handle) for number in self._SIGNALS}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def check(self) -> None:
        """Raise KeyboardInterrupt when somebody wants an end."""
        if self.count:
            raise KeyboardInterrupt

    @contextmanager
    def interrupting(self) -> Iterator[None]:
        """Let a wish raise KeyboardInterrupt at once, for steps that block and start no process."""
        self._interrupting = True
        try:
            self.check()
            yield
        finally:
            self._interrupting = False

    def _handle(self, _signal: int, _frame: FrameType | None) -> None:
        self.count += 1
        if self._interrupting:
            # Once: what tidies up after this must not be broken into.
            self._interrupting = False
            raise KeyboardInterrupt
