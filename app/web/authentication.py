"""The door of the HTTP routes: it asks `Credentials` before anything of a request is read.

WebSockets show their credential after they are accepted; `app/web/handshake.py` asks the same question for them.
"""

from typing import Final

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from app.access import Credentials, Presented, presented
from app.errors import Unavailable
from app.telemetry import get_logger
from app.web.errors import unauthorized, unavailable
from app.web.routing import PROBES

logger = get_logger(__name__)

PRESENTED: Final = "aftercommit.presented"
"""Where the scope of a request keeps what it came in with, for those that last."""


class Authentication:
    """Answers 401 to who may not come in, and 503 as long as nobody can know."""

    def __init__(self, app: ASGIApp, credentials: Credentials) -> None:
        self._app = app
        self._credentials = credentials

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on the requests of those who may come in, and the questions of probes."""
        if scope["type"] != "http" or (scope["method"] == "GET" and scope["path"] in PROBES):
            await self._app(scope, receive, send)
            return
        secrets = presented(Headers(scope=scope).get("authorization"))
        try:
            if await self._credentials.admits(secrets):
                scope[PRESENTED] = secrets
                await self._app(scope, receive, send)
                return
            answer = unauthorized()
            logger.info("request_unauthorized", method=scope["method"])
        except Unavailable as error:
            answer = unavailable(str(error))
        await answer(scope, receive, send)


def brought_by(scope: Scope) -> Presented:
    """Return what the request came in with."""
    secrets: Presented = scope[PRESENTED]
    return secrets
