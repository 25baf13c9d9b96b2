"""The outermost middleware: correlation ids, the log of requests, the limit on bodies, and unexpected errors."""

import contextlib
import re
import time
from http import HTTPStatus
from typing import Final

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.errors import BodyTooLarge
from app.telemetry import correlation_id, get_logger, innermost_frames, new_correlation_id
from app.web.connections import remember_abort
from app.web.errors import unexpected_error
from app.web.request_log import log_request
from app.web.route_path import route_path

logger = get_logger(__name__)

HEADER: Final = b"x-request-id"
VALID_ID: Final = re.compile(r"[\w.:-]{1,128}")


class RequestContext:
    """Sets the correlation id of each request and WebSocket, returns it in `X-Request-Id`, and logs the request.

    The id is the request's own `X-Request-Id` if that is valid, else a new one. An error without a handler is answered
    with 500. The log gets its type and stack frames, but not its text, which may contain values.
    """

    def __init__(self, app: ASGIApp, *, log_reads: bool) -> None:
        self._app = app
        self._log_reads = log_reads

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle the request with its correlation id set."""
        remember_abort(scope, receive)
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        current = _sent_id(scope) or new_correlation_id()
        token = correlation_id.set(current)
        try:
            if scope["type"] == "http":
                await self._serve(scope, receive, send, current)
            else:
                await self._app(scope, receive, send)
        finally:
            correlation_id.reset(token)

    async def _serve(self, scope: Scope, receive: Receive, send: Send, current: str) -> None:
        begun = time.perf_counter()
        status: int | None = None

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (HEADER, current.encode())]
            await send(message)

        try:
            await self._app(scope, receive, send_with_id)
        except Exception as error:  # noqa: BLE001  # The response must be ours, without values.
            route = f"{scope['method']} {route_path(scope)}"
            logger.error("request_failed", error=type(error).__name__, route=route, frames=innermost_frames(error))
            if status is None:
                await unexpected_error()(scope, receive, send_with_id)
        finally:
            log_request(scope, status, time.perf_counter() - begun, log_reads=self._log_reads)


class PathPrefix:
    """Makes the links in responses begin with the path at which a proxy shows the service. The proxy removes it."""

    def __init__(self, app: ASGIApp, prefix: str) -> None:
        self._app = app
        self._prefix = prefix

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle the request with the prefix as its root path."""
        await self._app({**scope, "root_path": self._prefix}, receive, send)


class BodyLimit:
    """Answers 413 if the request body, or its declared length, is larger than `limit` bytes."""

    def __init__(self, app: ASGIApp, limit: int) -> None:
        self._app = app
        self._limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, but not more than `limit` bytes of its body."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        declared = dict(scope["headers"]).get(b"content-length", b"0")
        if not declared.isdigit() or int(declared) > self._limit:
            await self._refuse(scope, receive, send)
            return
        received = 0

        async def receive_within_limit() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > self._limit:
                raise BodyTooLarge(self._text)
            return message

        async def send_unless_too_large(message: Message) -> None:
            # The code that reads the body may treat our error as a broken body and respond to that. Drop its response.
            if received <= self._limit:
                await send(message)

        with contextlib.suppress(BodyTooLarge):
            await self._app(scope, receive_within_limit, send_unless_too_large)
        if received > self._limit:
            await self._refuse(scope, receive, send)

    @property
    def _text(self) -> str:
        return f"The request body is larger than {self._limit} bytes."

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = JSONResponse(
            {"detail": self._text}, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, headers={"connection": "close"}
        )
        await response(scope, receive, send)


def _sent_id(scope: Scope) -> str | None:
    sent = dict(scope["headers"]).get(HEADER, b"").decode("latin-1")
    return sent if VALID_ID.fullmatch(sent) else None
