"""The outermost layers of a request: its correlation id, its size, and the last net under unforeseen errors."""

import contextlib
import json
import re
from http import HTTPStatus
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.errors import BodyTooLarge
from app.telemetry import correlation_id, get_logger, innermost_frames, new_correlation_id
from app.web.connections import note_abort
from app.web.errors import unexpected_error

logger = get_logger(__name__)

HEADER: Final = b"x-request-id"
ACCEPTABLE_ID: Final = re.compile(r"[\w.:-]{1,128}")


class RequestContext:
    """Gives each request a correlation id (its own `X-Request-Id` where it brings one) and answers it back.

    An error that no handler knows is logged by its type and its frames, never by its text, and answered with 500.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the request with its correlation id set."""
        note_abort(scope, receive)
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        current = _given_id(scope) or new_correlation_id()
        token = correlation_id.set(current)
        started = False

        async def send_with_id(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                message["headers"] = [*message["headers"], (HEADER, current.encode())]
            await send(message)

        try:
            await self._app(scope, receive, send_with_id)
        except Exception as error:  # noqa: BLE001  # The rim of a request: the answer must be ours, without values.
            logger.error(
                "request_failed", error=type(error).__name__, route=_route(scope), frames=innermost_frames(error)
            )
            if not started:
                await unexpected_error()(scope, receive, send_with_id)
        finally:
            correlation_id.reset(token)


class BodyLimit:
    """Answers 413 to a request whose body is larger than `limit` bytes, declared or sent."""

    def __init__(self, app: ASGIApp, limit: int) -> None:
        self._app = app
        self._limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on while its body stays within the limit."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        declared = dict(scope["headers"]).get(b"content-length", b"0")
        if not declared.isdigit() or int(declared) > self._limit:
            await self._refuse(send)
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
            # Whoever reads the body may take our error for a broken body and answer that; the answer is ours.
            if received <= self._limit:
                await send(message)

        with contextlib.suppress(BodyTooLarge):
            await self._app(scope, receive_within_limit, send_unless_too_large)
        if received > self._limit:
            await self._refuse(send)

    @property
    def _text(self) -> str:
        return f"The request body is larger than {self._limit} bytes."

    async def _refuse(self, send: Send) -> None:
        body = json.dumps({"detail": self._text}).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await send(
            {
                "type": "http.response.start",
                "status": HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                "headers": [*headers, (b"connection", b"close")],
            }
        )
        await send({"type": "http.response.body", "body": body})


def _route(scope: Scope) -> str:
    """Return the route that was called: a path as it was sent holds names, and whatever somebody took for one."""
    return f"{scope['method']} {getattr(scope.get('route'), 'path', 'unknown')}"


def _given_id(scope: Scope) -> str | None:
    given = dict(scope["headers"]).get(HEADER, b"").decode("latin-1")
    return given if ACCEPTABLE_ID.fullmatch(given) else None
