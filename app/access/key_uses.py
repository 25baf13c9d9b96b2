"""Records when each key was last used, without a statement in any request."""

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from app.access.writing_thread import WritingThread

Uses = Mapping[UUID, datetime]
"""When keys were used, by their ids."""

INTERVAL_SECONDS: Final = 60.0
"""How often the use of one key is written."""


class KeyUses:
    """Writes the first use of a key at once, and then one use in `INTERVAL_SECONDS`, from a thread of its own.

    A process that is killed loses at most the uses of the last interval.
    """

    def __init__(self, write: Callable[[Uses], None]) -> None:
        """Prepare the thread, which starts with the first use.

        Args:
            write: writes these uses. The thread calls it; it may block or raise.
        """
        self._due: dict[UUID, float] = {}
        self._thread = WritingThread[UUID, datetime]("key-uses", write)

    def note(self, key: UUID) -> None:
        """Note that the key is used now. Only the event loop calls this; it does not block."""
        now = time.monotonic()
        if now < self._due.get(key, 0.0):
            return
        self._due[key] = now + INTERVAL_SECONDS
        self._thread.add(key, datetime.now(UTC))

    def close(self) -> None:
        """Try once more to write what waits, and end the thread."""
        self._thread.close()
