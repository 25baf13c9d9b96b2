"""Bounds the head of a request (its first line and headers), before uvicorn passes it to the app.

uvicorn with httptools accepts heads of any size, and waits for the end of a head for ever. A growing header then takes
more time with each piece, and its memory, before any credential is asked for.
"""

import asyncio
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_BYTES: Final = 80 * 1024
"""The URL of the next page of events may have 64 KiB."""
HEAD_SECONDS: Final = 10.0
SLICE_BYTES: Final = 16 * 1024
TOO_LARGE: Final = b"431 Request Header Fields Too Large"
TOO_SLOW: Final = b"408 Request Timeout"


class BoundedHttpProtocol(HttpToolsProtocol):
    """A connection that closes if a head has more than `HEAD_BYTES` or is not complete after `HEAD_SECONDS`.

    The time begins with the connection, and again with the first byte of each further request.
    """

    def __init__(self, *arguments: Any, **named: Any) -> None:
        """Take the arguments of uvicorn's protocol."""
        super().__init__(*arguments, **named)
        self._head: int | None = 0
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # As in uvicorn.
        """Wait for the first request."""
        super().connection_made(transport)
        self._start_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        """End the wait."""
        self._stop_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse the data in slices, and refuse a head that is still incomplete after too many bytes."""
        for start in range(0, len(data), SLICE_BYTES):
            part = data[start : start + SLICE_BYTES]
            super().data_received(part)
            if self.transport.is_closing() or self.transport.get_protocol() is not self:
                return
            if self._head is not None:
                self._head += len(part)
                if self._head > HEAD_BYTES:
                    self._refuse(TOO_LARGE)
                    return

    def on_message_begin(self) -> None:
        """Count the head of a new request from zero."""
        super().on_message_begin()
        if self._head is None:
            self._start_timer()
        self._head = 0

    def on_headers_complete(self) -> None:
        """Stop counting."""
        self._head = None
        self._stop_timer()
        super().on_headers_complete()

    def _start_timer(self) -> None:
        self._stop_timer()
        self._timer = self.loop.call_later(HEAD_SECONDS, self._refuse, TOO_SLOW)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _refuse(self, status: bytes) -> None:
        if not self.transport.is_closing():
            self.transport.write(b"HTTP/1.1 " + status + b"\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")
            self.transport.close()
