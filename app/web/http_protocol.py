"""Bounds what a connection may send without progress, before uvicorn passes it to the app.

uvicorn with httptools accepts heads and trailers of any size, and waits for the rest of a request for ever. A growing
header then takes more time with each piece, and its memory, before any credential is asked for.
"""

import asyncio
from enum import Enum, auto
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

HEAD_BYTES: Final = 80 * 1024
"""The URL of the next page of events may have 64 KiB."""
HEAD_SECONDS: Final = 10.0
BODY_SECONDS: Final = 30.0
"""A client may take longer for a body, but must not pause for longer."""
DISCARDED_BYTES: Final = 16 * 1024 * 1024
"""A client that gets its response before it has sent the whole body may go on to send this much."""
SLICE_BYTES: Final = 16 * 1024
LINGER_SECONDS: Final = 5.0
TOO_LARGE: Final = b"431 Request Header Fields Too Large"
TOO_SLOW: Final = b"408 Request Timeout"


class Phase(Enum):
    """What the client is about to send."""

    HEAD = auto()
    BODY = auto()
    NEXT_REQUEST = auto()


class BoundedHttpProtocol(HttpToolsProtocol):
    """A connection that is closed if it sends too much or waits too long.

    - The first line and the headers have at most `HEAD_BYTES`, and are complete after `HEAD_SECONDS`.
    - Between two pieces of a body, and after the last one, the client sends at most `HEAD_BYTES` of chunk sizes, chunk
      extensions and trailers, and does not pause for longer than `BODY_SECONDS`. The time is not extended after the
      response.
    - After a request, the client sends nothing but the next request.
    """

    def __init__(self, *arguments: Any, **named: Any) -> None:
        """Take the arguments of uvicorn's protocol."""
        super().__init__(*arguments, **named)
        self._phase = Phase.HEAD
        self._bytes_without_progress = 0
        self._discarded = 0
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # As in uvicorn.
        """Wait for the first request."""
        super().connection_made(transport)
        self._start_timer(HEAD_SECONDS)

    def connection_lost(self, exc: Exception | None) -> None:
        """End the wait."""
        self._stop_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse the data in slices, and refuse the request as soon as it exceeds a bound."""
        for start in range(0, len(data), SLICE_BYTES):
            part = data[start : start + SLICE_BYTES]
            super().data_received(part)
            if self.transport.is_closing() or self.transport.get_protocol() is not self:
                return
            self._bytes_without_progress += len(part)
            if self._bytes_without_progress > HEAD_BYTES or self._discarded > DISCARDED_BYTES:
                self._refuse(TOO_LARGE)
                return
        # Here and not in the callbacks, because most requests come in one piece and need no timer.
        if self._timer is None:
            self._wait_for_more()

    def on_message_begin(self) -> None:
        """Count the head of a new request from zero."""
        super().on_message_begin()
        self._phase = Phase.HEAD
        self._bytes_without_progress = self._discarded = 0

    def on_headers_complete(self) -> None:
        """Expect a body."""
        self._phase = Phase.BODY
        self._stop_timer()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Count from zero until the next piece of the body."""
        self._bytes_without_progress = 0
        if self._has_responded():
            self._discarded += len(body)
        else:
            self._stop_timer()
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Expect another request."""
        self._phase = Phase.NEXT_REQUEST
        self._stop_timer()
        super().on_message_complete()

    def _wait_for_more(self) -> None:
        if self._phase is Phase.BODY:
            self._start_timer(BODY_SECONDS)
        elif self._phase is Phase.HEAD or self._has_responded():
            # A line end before a request has ended uvicorn's own wait for the next request.
            self._start_timer(HEAD_SECONDS)

    def _start_timer(self, seconds: float) -> None:
        self._timer = self.loop.call_later(seconds, self._refuse, TOO_SLOW)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _refuse(self, status: bytes) -> None:
        if self.transport.is_closing():
            return
        if not self._is_responding():
            self.transport.write(b"HTTP/1.1 " + status + b"\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")
        self.transport.close()
        # A client that does not read would keep the connection open.
        self.loop.call_later(LINGER_SECONDS, self.transport.abort)

    def _has_responded(self) -> bool:
        """Return whether the last request with a complete head has its whole response."""
        cycle: RequestResponseCycle | None = self.cycle  # None before the first request, unlike in uvicorn's stubs.
        return cycle is not None and cycle.response_complete

    def _is_responding(self) -> bool:
        """Return whether a response to the request has begun, or one to an earlier request is not complete."""
        cycle: RequestResponseCycle | None = self.cycle
        if cycle is None:
            return False
        if self._phase is Phase.BODY:
            return cycle.response_started or bool(self.pipeline)
        return not cycle.response_complete
