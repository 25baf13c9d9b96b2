"""Refuses requests for which a browser was tricked: by a foreign name for this address, or by a page of another site.

A page can make a browser send requests to any address, also to loopback. It cannot read the responses, unless its own
host name leads to that address (DNS rebinding). Then the browser sends that name in `Host`.
"""

import ipaddress
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from app.access import Credentials
from app.errors import Unavailable
from app.telemetry import get_logger
from app.web.csrf import UNSAFE_METHODS
from app.web.errors import unavailable
from app.web.routing import PROBES

logger = get_logger(__name__)

UNKNOWN_HOST: Final = "The Host of the request is not allowed here. AFTERCOMMIT_ALLOWED_HOSTS lists the allowed ones."
OTHER_SITE: Final = "A page of another site must not send this request."
NO_TYPE: Final = "A page must send its body as application/json."


class SiteCheck:
    """Answers 403 to requests with a foreign `Host`, and to changes and WebSockets of another site's page.

    `allowed_hosts` are host names, each with or without a port. Without them, only names of loopback are allowed as
    long as there is no credential; a credential protects against foreign names, since a page does not know it.
    """

    def __init__(self, app: ASGIApp, credentials: Credentials, allowed_hosts: tuple[str, ...]) -> None:
        self._app = app
        self._credentials = credentials
        self._allowed = frozenset(host.lower() for host in allowed_hosts)

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
        logger.info("request_of_another_site", reason=problem)
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close"})
        else:
            await JSONResponse({"detail": problem}, HTTPStatus.FORBIDDEN)(scope, receive, send)

    async def _problem(self, scope: Scope) -> str | None:
        headers = Headers(scope=scope)
        host = headers.get("host", "").lower()
        if not self._is_known(host) and (self._allowed or not await self._credentials.exist()):
            return UNKNOWN_HOST
        if scope["type"] == "http" and scope["method"] not in UNSAFE_METHODS:
            return None
        return self._problem_of_page(headers, host)

    def _problem_of_page(self, headers: Headers, host: str) -> str | None:
        """Check the headers that only browsers send: a page cannot set or remove them."""
        origin, relation = headers.get("origin"), headers.get("sec-fetch-site")
        if origin is None and relation is None:
            return None
        if origin is not None and not self._is_same_site(origin, host):
            return OTHER_SITE
        if origin is None and relation not in ("same-origin", "none"):
            return OTHER_SITE
        has_body = headers.get("content-length", "0") != "0" or "transfer-encoding" in headers
        return NO_TYPE if has_body and "json" not in headers.get("content-type", "") else None

    def _is_known(self, host: str) -> bool:
        name = _name(host)
        return _is_loopback_name(name) or name in self._allowed or host in self._allowed

    def _is_same_site(self, origin: str, host: str) -> bool:
        place = urlsplit(origin).netloc.lower()
        return bool(place) and (place == host or place in self._allowed or _name(place) in self._allowed)


def _name(host: str) -> str:
    """Return the host name or address without the port."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _is_loopback_name(name: str) -> bool:
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name.partition("%")[0]).is_loopback
    except ValueError:
        return False
