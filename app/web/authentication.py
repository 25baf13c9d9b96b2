"""Authenticates HTTP requests with `Credentials`, before their bodies are read.

A WebSocket client may send its credential after the connection is accepted: `app/web/handshake.py` checks it.
"""

from typing import Final

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from app.access import Credentials, Secrets, read_secrets
from app.errors import Unavailable
from app.web.errors import unauthorized, unavailable
from app.web.routing import PROBES

SECRETS: Final = "aftercommit.secrets"
"""The key in the ASGI scope for the secrets of the request. Routes that stream check them again from time to time."""


class Authentication:
    """Answers 401 to a request that is not allowed, and 503 while the keys cannot be read."""

    def __init__(self, app: ASGIApp, credentials: Credentials) -> None:
        self._app = app
        self._credentials = credentials

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass allowed requests on. Health probes need no credential."""
        if scope["type"] != "http" or (scope["method"] == "GET" and scope["path"] in PROBES):
            await self._app(scope, receive, send)
            return
        secrets = read_secrets(Headers(scope=scope).get("authorization"))
        try:
            if await self._credentials.allows(secrets):
                scope[SECRETS] = secrets
                await self._app(scope, receive, send)
                return
            response = unauthorized()
        except Unavailable as error:
            response = unavailable(str(error))
        await response(scope, receive, send)


def secrets_of(scope: Scope) -> Secrets:
    """Return the secrets of an authenticated request."""
    secrets: Secrets = scope[SECRETS]
    return secrets
