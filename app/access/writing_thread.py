"""A thread that writes to the database what requests have noted, so that no request waits for it."""

import threading
from collections.abc import Callable, Mapping
from typing import Final, Generic, TypeVar

from sqlalchemy.exc import SQLAlchemyError

from app.telemetry import get_logger, innermost_frames

logger = get_logger(__name__)

Key = TypeVar("Key")
Value = TypeVar("Value")

RETRY_SECONDS: Final = 10.0
"""The pause after a failure."""
CLOSING_SECONDS: Final = 2.0


class WritingThread(Generic[Key, Value]):
    """Writes values by their keys. What cannot be written is kept and tried again; a later value replaces it."""

    def __init__(self, name: str, write: Callable[[Mapping[Key, Value]], None]) -> None:
        """Prepare the thread, which starts with the first value.

        Args:
            name: what is written, such as `key-uses`. A failure is logged as `key_uses_not_written`.
            write: writes these values. The thread calls it; it may block or raise.
        """
        self._name = name
        self._write = write
        self._waiting: dict[Key, Value] = {}
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def add(self, key: Key, value: Value) -> None:
        """Write this value soon. Only the event loop calls this; it does not block."""
        with self._lock:
            self._waiting[key] = value
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
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
            values, self._waiting = self._waiting, {}
        if not values:
            return True
        event = f"{self._name.replace('-', '_')}_not_written"
        try:
            self._write(values)
        except SQLAlchemyError as error:
            logger.warning(event, reason=type(error).__name__, count=len(values))
        except Exception as error:  # noqa: BLE001  # The thread's last resort: the error would be lost otherwise.
            logger.error(event, reason=type(error).__name__, frames=innermost_frames(error))
        else:
            return True
        with self._lock:
            self._waiting = {**values, **self._waiting}
        return False
