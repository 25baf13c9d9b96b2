"""The keys that are valid, in memory: a request is checked against them without a statement of its own."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from app.telemetry import get_logger, innermost_frames

logger = get_logger(__name__)

Digests = frozenset[bytes]

FRESH_SECONDS: Final = 2.0
"""For so long a key that was revoked may still open, and one that was made may not, while the database answers."""
PATIENCE_SECONDS: Final = 0.5
"""For so long requests wait for a reading, counted from its beginning; then the last known keys decide."""
FIRST_PATIENCE_SECONDS: Final = 4.0
"""... while none are known yet, and nobody could be let in: within the five seconds in which every answer comes."""


class KeyRing:
    """The digests of the valid keys, as they were read at most two seconds ago.

    They are read when somebody asks and they are old: in one thread of their own, one reading at a time. A reading that
    fails or hangs leaves what was known, and the next one is tried after the same two seconds. The event loop never
    waits for the database, and nothing here is repeated in a loop, so whatever a reading does, nothing spins.
    """

    def __init__(self, read: Callable[[], Digests]) -> None:
        """Take the function that reads the digests; it runs in a thread, and may block or raise."""
        self._read = read
        self._known: Digests | None = None
        self._fresh_until = 0.0
        self._reading: Future[None] | None = None
        self._reading_since = 0.0
        # Its thread starts with the first reading.
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="keys")

    async def digests(self) -> Digests | None:
        """Return the digests of the valid keys, or None as long as they could never be read."""
        if time.monotonic() >= self._fresh_until:
            await self._wait_for(self._current_reading())
        return self._known

    def close(self) -> None:
        """Begin no reading any more; one that runs is not waited for."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _current_reading(self) -> Future[None]:
        # Only the event loop comes here, so there are never two that begin.
        if self._reading is None or self._reading.done():
            self._reading_since = time.monotonic()
            self._reading = self._thread.submit(self._refresh)
        return self._reading

    async def _wait_for(self, reading: Future[None]) -> None:
        bound = PATIENCE_SECONDS if self._known is not None else FIRST_PATIENCE_SECONDS
        patience = self._reading_since + bound - time.monotonic()
        if patience > 0:
            # It waits without cancelling: neither a time-out nor a client that leaves ends the reading of the others.
            await asyncio.wait([asyncio.wrap_future(reading)], timeout=patience)

    def _refresh(self) -> None:
        begun = time.monotonic()
        try:
            self._known = self._read()
            self._fresh_until = begun + FRESH_SECONDS
        except SQLAlchemyError as error:
            logger.warning("keys_not_read", reason=type(error).__name__)
            self._fresh_until = time.monotonic() + FRESH_SECONDS
        except Exception as error:  # noqa: BLE001  # The rim of the thread: nobody else would ever hear of it.
            logger.error("keys_not_read", reason=type(error).__name__, frames=innermost_frames(error))
            self._fresh_until = time.monotonic() + FRESH_SECONDS
