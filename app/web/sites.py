"""Refuses requests for which a browser was tricked, as `app.access.sites` decides."""

from http import HTTPStatus
from typing import Final

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from app.access import UNSAFE_METHODS, SiteRules, is_of_page
from app.errors import Unavailable
from app.web.errors import unavailable
from app.web.request_log import log_websocket
from app.web.roles import REASON
from app.web.routing import PROBES

NO_TYPE: Final = "A page must send its body as application/json."


class SiteCheck:
    """Answers 403 to requests that break the rules, and to changes of a page whose body is not declared as JSON."""

    def __init__(self, app: ASGIApp, rules: SiteRules) -> None:
        self._app = app
        self._rules = rules

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on unless it is refused. Health probes are never refused."""
        if scope["type"] not in ("http", "websocket") or scope["path"] in PROBES:
            await self._app(scope, receive, send)
            return
        try:
            problem = await self._problem(scope)
        except Unavailable as error:
            await unavailable(str(error))(scope, receive, send)
            return
        if problem is None:
            await self._app(scope, receive, send)
            return
        scope[REASON] = problem
        if scope["type"] == "websocket":
            log_websocket("websocket_refused", scope, code=HTTPStatus.FORBIDDEN.value)
            await receive()
            await send({"type": "websocket.close"})
        else:
            await JSONResponse({"detail": problem}, HTTPStatus.FORBIDDEN)(scope, receive, send)

    async def _problem(self, scope: Scope) -> str | None:
        headers = Headers(scope=scope)
        is_change = scope["type"] == "websocket" or scope["method"] in UNSAFE_METHODS
        problem = await self._rules.problem_with(headers, is_change=is_change)
        if problem is None and is_change and is_of_page(headers) and not _is_json(headers):
            return NO_TYPE
        return problem


def _is_json(headers: Headers) -> bool:
    has_body = headers.get("content-length", "0") != "0" or "transfer-encoding" in headers
    return not has_body or "json" in headers.get("content-type", "")
