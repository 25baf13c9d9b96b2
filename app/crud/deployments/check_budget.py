"""Counts and bounds the work of a check."""

import time
from contextvars import ContextVar
from typing import Any, Final

RUN_SECONDS: Final = 0.002
"""How long a check with pauses works until the next one."""
PAUSE_SECONDS: Final = 0.001


class OutOfWork(Exception):  # It is no error: the check goes on elsewhere, or its values are refused.
    """The check has done all the work that it may do."""


class Budget:
    """Bounds the steps of one check and its processor time, and pauses now and then so that other threads can run.

    Steps make the outcome the same on every machine. The time bounds steps that cost more than their number says. It is
    the time of the thread, because a check must not fail while other processes use the processor.
    """

    def __init__(self, steps: int, seconds: float, *, pauses: bool) -> None:
        """Start with this number of steps and this time. The check must run in the current thread."""
        self._steps = steps
        self._pauses = pauses
        now = time.thread_time()
        self._deadline = now + seconds
        self._next_pause = now + RUN_SECONDS

    def spend(self, steps: int) -> None:
        """Take these steps.

        Raises:
            OutOfWork: fewer steps are left, or the time is over.
        """
        self._steps -= steps
        now = time.thread_time()
        if self._steps < 0 or now > self._deadline:
            raise OutOfWork
        if self._pauses and now > self._next_pause:
            self._next_pause = now + RUN_SECONDS
            time.sleep(PAUSE_SECONDS)


budget: Final[ContextVar[Budget]] = ContextVar("budget")
"""The budget of the running check."""


def size(value: Any) -> int:
    """Return the number of values in a JSON value, itself included."""
    if isinstance(value, dict):
        return 1 + sum(map(size, value.values()))
    return 1 + sum(map(size, value)) if isinstance(value, list) else 1
