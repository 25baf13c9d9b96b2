"""Requests to stop: Ctrl-C and the signals that mean the same."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Self


class StopRequests:
    """Counts the requests to stop (Ctrl-C, SIGTERM, SIGHUP) inside its `with` block, which must be in the main thread.

    A request does not interrupt the code at an arbitrary point: a child process that is just being started would be
    lost. The code calls `check` where it is safe to stop, and wraps steps that may be interrupted in `interruptible`.
    """

    _SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def __init__(self) -> None:
        self.count = 0
        self._interruptible = False

    def __enter__(self) -> Self:
        self._before = {number: signal.signal(number, self._handle) for number in self._SIGNALS}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def check(self) -> None:
        """Raise KeyboardInterrupt if there was a request to stop."""
        if self.count:
            raise KeyboardInterrupt

    @contextmanager
    def interruptible(self) -> Iterator[None]:
        """Let a request raise KeyboardInterrupt at once; for steps that block and start no process."""
        self._interruptible = True
        try:
            self.check()
            yield
        finally:
            self._interruptible = False

    def _handle(self, _signal: int, _frame: FrameType | None) -> None:
        self.count += 1
        if self._interruptible:
            # Only once: the cleanup that follows must not be interrupted.
            self._interruptible = False
            raise KeyboardInterrupt
