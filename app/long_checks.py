"""Moves a check that takes long out of the transaction of its request.

A route function checks values with a small allowance of work. If that is not enough, it raises `LongCheck`. Its
transaction is rolled back, the check runs in a thread of its own, and the route function is called again and finds the
result. So a long check holds no lock, no connection and none of the API's threads.
"""

from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, Final

from app.errors import TooManyRequests
from app.threads import Threads

WAITING_LIMIT: Final = 16
"""Long checks that may wait in one process. Each takes at most a second of work, and its pauses."""
ATTEMPTS: Final = 4
"""How often a route function is called. Other requests may change what it checks in the meantime."""

results: Final[ContextVar[dict[bytes, Any] | None]] = ContextVar("results", default=None)
"""The results of the long checks of this request; None outside of a request."""


class LongCheck(Exception):  # It is no error: the request goes on after the check.
    """A check needs more work than a request may do in its transaction. `run` does it and stores the result."""

    def __init__(self, run: Callable[[], None]) -> None:
        super().__init__()
        self.run = run


class LongChecks:
    """Runs long checks one by one in their own thread."""

    def __init__(self) -> None:
        self._threads = Threads(1)
        self._waiting = 0

    async def run(self, check: Callable[[], None]) -> None:
        """Run the check of a `LongCheck`.

        Raises:
            TooManyRequests: too many checks wait already.
        """
        if self._waiting >= WAITING_LIMIT:
            raise TooManyRequests("Too many values with large schemas are being checked. Try again later.")
        self._waiting += 1
        try:
            await self._threads.run(check)
        finally:
            self._waiting -= 1

    def close(self) -> None:
        """End the thread after the check that it runs."""
        self._threads.close()
