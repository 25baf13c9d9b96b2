"""Counts and bounds the work of a check."""

import time
from contextvars import ContextVar
from typing import Any, Final

STEPS_BETWEEN_PAUSES: Final = 500
"""About a millisecond of work."""
PAUSE_SECONDS: Final = 0.001


class OutOfSteps(Exception):  # It is no error: the check goes on elsewhere, or its values are refused.
    """The check has taken all the steps that it may take."""


class Budget:
    """Counts the steps of one check, and pauses now and then if `pauses` is set, so that other threads can run."""

    def __init__(self, steps: int, *, pauses: bool) -> None:
        """Start with this number of steps."""
        self._left = steps
        self._next_pause = steps - STEPS_BETWEEN_PAUSES if pauses else -1

    def spend(self, steps: int) -> None:
        """Take these steps.

        Raises:
            OutOfSteps: fewer steps are left.
        """
        self._left -= steps
        if self._left < 0:
            raise OutOfSteps
        if self._left < self._next_pause:
            self._next_pause = self._left - STEPS_BETWEEN_PAUSES
            time.sleep(PAUSE_SECONDS)


budget: Final[ContextVar[Budget]] = ContextVar("budget")
"""The budget of the running check."""


def size(value: Any) -> int:
    """Return the number of values in a JSON value, itself included."""
    if isinstance(value, dict):
        return 1 + sum(map(size, value.values()))
    return 1 + sum(map(size, value)) if isinstance(value, list) else 1
