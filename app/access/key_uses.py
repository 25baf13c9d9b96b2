"""Records when each key was last used, without a statement in any request."""

import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from sqlalchemy.exc import SQLAlchemyError

from app.telemetry import get_logger, innermost_frames

logger = get_logger(__name__)

Uses = Mapping[UUID, datetime]
"""When keys were used, by their ids."""

INTERVAL_SECONDS: Final = 60.0
"""How often the use of one key is written."""
RETRY_SECONDS: Final = 10.0
"""The pause after a failure."""
CLOSING_SECONDS: Final = 2.0


class KeyUses:
    """Writes the first use of a key at once, and then one use in `INTERVAL_SECONDS`, from a thread of its own.

    Uses that cannot be written are kept and tried again. A process that is killed loses at most those of the last
    interval.
    """

    def __init__(self, write: Callable[[Uses], None]) -> None:
        """Prepare the thread, which starts with the first use.

        Args:
            write: writes these uses. The thread calls it; it may block or raise.
        """
        self._write = write
        self._due: dict[UUID, float] = {}
        self._waiting: dict[UUID, datetime] = {}
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def note(self, key: UUID) -> None:
        """Note that the key is used now. Only the event loop calls this; it does not block."""
        now = time.monotonic()
        if now < self._due.get(key, 0.0):
            return
        self._due[key] = now + INTERVAL_SECONDS
        with self._lock:
            self._waiting[key] = datetime.now(UTC)
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="key-uses", daemon=True)
            self._thread.start()
        self._wake.set()

    def close(self) -> None:
        """Try once more to write what waits, and end the thread, within `CLOSING_SECONDS`."""
        self._stopping.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join(CLOSING_SECONDS)

    def _run(self) -> None:
        is_last = False
        while not is_last:
            self._wake.wait()
            self._wake.clear()
            is_last = self._stopping.is_set()
            if not self._write_waiting() and not is_last:
                self._stopping.wait(RETRY_SECONDS)
                self._wake.set()

    def _write_waiting(self) -> bool:
        with self._lock:
            uses, self._waiting = self._waiting, {}
        if not uses:
            return True
        try:
            self._write(uses)
        except SQLAlchemyError as error:
            logger.warning("key_uses_not_written", reason=type(error).__name__, keys=len(uses))
        except Exception as error:  # noqa: BLE001  # The thread's last resort: the error would be lost otherwise.
            logger.error("key_uses_not_written", reason=type(error).__name__, frames=innermost_frames(error))
        else:
            return True
        with self._lock:
            self._waiting = {**uses, **self._waiting}
        return False
