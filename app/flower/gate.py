"""Answers requests that Flower must not get. Flower's own options know no API keys and check no host names."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

from tornado.httputil import (
    HTTPConnection,
    HTTPHeaders,
    HTTPMessageDelegate,
    HTTPServerRequest,
    RequestStartLine,
    ResponseStartLine,
)
from tornado.web import RequestHandler

from app.access import UNSAFE_METHODS, Credentials, SiteRules, read_secrets
from app.errors import Unauthorized, Unavailable
from app.models.api_key import Role
from app.telemetry import get_logger

logger = get_logger(__name__)

PROBE: Final = "/healthcheck"
"""Flower's health probe, which shows nothing and so is open to all."""
READING: Final = "/tasks/datatable"
"""The page of tasks asks for its rows with POST. All other requests with POST change something."""
ADMINS_ONLY: Final = "This request needs the role admin."


@dataclass(frozen=True, slots=True)
class Gate:
    """Decides which requests are refused, as the API does."""

    credentials: Credentials
    sites: SiteRules

    async def refusal(
        self, line: RequestStartLine, headers: HTTPHeaders, address: str
    ) -> tuple[HTTPStatus, str] | None:
        """Return the status and the text with which a request from this address is refused, or None."""
        if line.path == PROBE:
            return None
        is_change = line.method in UNSAFE_METHODS or "upgrade" in headers
        try:
            problem = await self.sites.problem_with(headers, is_change=is_change)
            if problem is not None:
                return HTTPStatus.FORBIDDEN, problem
            holder = await self.credentials.admit(read_secrets(headers.get("authorization")), address)
            if holder.role is not Role.ADMIN and line.method in UNSAFE_METHODS and line.path != READING:
                return HTTPStatus.FORBIDDEN, ADMINS_ONLY
        except Unauthorized as error:
            return HTTPStatus.UNAUTHORIZED, str(error)
        except Unavailable as error:
            return HTTPStatus.SERVICE_UNAVAILABLE, str(error)
        return None


RouteOf = Callable[[HTTPServerRequest], str | None]
"""Returns the route of a request for the log. The path itself may contain any text."""


class GatedRequest(HTTPMessageDelegate):
    """A request that is passed on to `inner`, Flower's delegate for it, unless the gate refuses it."""

    def __init__(self, gate: Gate, connection: HTTPConnection, inner: HTTPMessageDelegate, route_of: RouteOf) -> None:
        self._gate = gate
        self._route_of = route_of
        self._connection = connection
        self._inner = inner
        self._is_passed = False

    async def headers_received(self, start_line: RequestStartLine | ResponseStartLine, headers: HTTPHeaders) -> None:
        """Pass the head of the request on, or answer it before its body is read."""
        assert isinstance(start_line, RequestStartLine)
        refusal = await self._gate.refusal(start_line, headers, _address_of(self._connection))
        if refusal is not None:
            self._log(HTTPServerRequest(connection=self._connection, headers=headers, start_line=start_line), *refusal)
            self._refuse(*refusal, has_body=start_line.method != "HEAD")
            return
        self._is_passed = True
        waiting = self._inner.headers_received(start_line, headers)
        if waiting is not None:
            await waiting

    def data_received(self, chunk: bytes) -> Awaitable[None] | None:
        """Pass a part of the body on. tornado does not call this after a refusal, but it may call all the others."""
        return self._inner.data_received(chunk)

    def finish(self) -> None:
        """Pass the end of the request on."""
        self._inner.finish()

    def on_connection_close(self) -> None:
        """Pass on that the client is gone."""
        if self._is_passed:
            self._inner.on_connection_close()

    def _log(self, request: HTTPServerRequest, status: HTTPStatus, reason: str) -> None:
        """Log the refusal as the API does."""
        # tornado accepts any text as a method.
        method = request.method if request.method in RequestHandler.SUPPORTED_METHODS else None
        route, address = self._route_of(request), request.remote_ip
        logger.info("request", method=method, status=status.value, route=route, address=address, reason=reason)

    def _refuse(self, status: HTTPStatus, text: str, *, has_body: bool) -> None:
        headers = HTTPHeaders({"Content-Type": "text/plain; charset=utf-8", "Content-Length": str(len(text))})
        # The rest of the request is not read.
        headers["Connection"] = "close"
        if status is HTTPStatus.UNAUTHORIZED:
            headers["WWW-Authenticate"] = 'Basic realm="aftercommit"'
        line = ResponseStartLine("", status.value, status.phrase)
        self._connection.write_headers(line, headers, text.encode() if has_body else None)
        self._connection.finish()


def _address_of(connection: HTTPConnection) -> str:
    # Every connection of a server has a context, though tornado does not declare it.
    context: Any = getattr(connection, "context", None)
    return str(getattr(context, "remote_ip", "unknown"))
