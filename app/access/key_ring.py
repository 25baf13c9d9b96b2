"""An in-memory cache of the valid keys, so that checking a request needs no SQL statement."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from app.access.api_keys import Keys
from app.telemetry import get_logger, innermost_frames

logger = get_logger(__name__)

FRESH_SECONDS: Final = 2.0
"""The lifetime of the cache. While the database answers, a revoked or a new key takes effect within this time."""
WAIT_SECONDS: Final = 0.5
"""How long after the start of a read the requests wait for it. After that they use the keys of the last read."""
FIRST_WAIT_SECONDS: Final = 4.0
"""The same limit while no keys have been read yet. Every response must be sent within five seconds."""


class KeyRing:
    """Caches the keys for `FRESH_SECONDS`.

    A call to `keys` starts a read when the cache is stale. Reads run in a separate thread, one at a time. If a read
    fails or hangs, the cache keeps the last known keys. After a failure, no read starts for `FRESH_SECONDS`.
    The event loop never blocks on the database. There is no retry loop, so no error can cause a busy loop.
    """

    def __init__(self, read: Callable[[], Keys]) -> None:
        """Create the cache.

        Args:
            read: reads the keys. It runs in a thread, and may block or raise.
        """
        self._read = read
        self._known: Keys | None = None
        self._fresh_until = 0.0
        self._reading: Future[None] | None = None
        self._reading_since = 0.0
        # The thread starts with the first read.
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="keys")

    async def keys(self) -> Keys | None:
        """Return the keys that are not revoked, or None if they have never been read."""
        if time.monotonic() >= self._fresh_until:
            await self._wait_for(self._current_reading())
        return self._known

    def name_of(self, digest: bytes) -> str | None:
        """Return the name of the key with this digest, if it was valid at the last read."""
        key = self._known.get(digest) if self._known is not None else None
        return None if key is None else key.name

    def close(self) -> None:
        """Stop starting reads. This does not wait for a running read."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _current_reading(self) -> Future[None]:
        # Only the event loop calls this, so two reads never start at the same time.
        if self._reading is None or self._reading.done():
            self._reading_since = time.monotonic()
            self._reading = self._thread.submit(self._refresh)
        return self._reading

    async def _wait_for(self, reading: Future[None]) -> None:
        limit = WAIT_SECONDS if self._known is not None else FIRST_WAIT_SECONDS
        remaining = self._reading_since + limit - time.monotonic()
        if remaining > 0:
            # `asyncio.wait` does not cancel the read on a timeout or a disconnect. Other requests wait for it too.
            await asyncio.wait([asyncio.wrap_future(reading)], timeout=remaining)

    def _refresh(self) -> None:
        started = time.monotonic()
        try:
            self._known = self._read()
            self._fresh_until = started + FRESH_SECONDS
        except SQLAlchemyError as error:
            logger.warning("keys_not_read", reason=type(error).__name__)
            self._fresh_until = time.monotonic() + FRESH_SECONDS
        except Exception as error:  # noqa: BLE001  # The thread's last resort: the error would be lost otherwise.
            logger.error("keys_not_read", reason=type(error).__name__, frames=innermost_frames(error))
            self._fresh_until = time.monotonic() + FRESH_SECONDS
