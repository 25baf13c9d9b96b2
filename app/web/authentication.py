"""Authenticates HTTP requests with `Credentials`, before their bodies are read.

A WebSocket client may send its credential after the connection is accepted: `app/web/handshake.py` checks it.
"""

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from app.access import Credentials, Holder, read_secrets
from app.errors import Unauthorized, Unavailable
from app.models.api_key import Role
from app.web.errors import unauthorized, unavailable
from app.web.roles import REASON
from app.web.routing import PROBES
from app.web.sender import HOLDER, SECRETS, address_of


class Authentication:
    """Answers 401 to a request that is not allowed, and 503 while the keys cannot be read."""

    def __init__(self, app: ASGIApp, credentials: Credentials) -> None:
        self._app = app
        self._credentials = credentials

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass allowed requests on, with their holder. Health probes need no credential."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if scope["method"] == "GET" and scope["path"] in PROBES:
            scope[HOLDER] = Holder("anonymous", Role.READ)
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        scope[SECRETS] = read_secrets(headers.get("authorization"))
        try:
            scope[HOLDER] = await self._credentials.admit(scope[SECRETS], address_of(scope))
        except Unauthorized as error:
            scope[REASON] = str(error)
            refusal = unauthorized(error, is_shown="text/html" in headers.get("accept", ""))
            await refusal(scope, receive, send)
        except Unavailable as error:
            await unavailable(str(error))(scope, receive, send)
        else:
            await self._app(scope, receive, send)
