"""The version of Prefect's wire protocol that a client speaks: too old a one is told so, before it is misunderstood."""

import re
from http import HTTPStatus
from typing import Final

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from app.web.routing import PROBES

HEADER: Final = "X-PREFECT-API-VERSION"
OLDEST: Final = (0, 8, 0)
UNCHECKED: Final = PROBES | {"/version", "/api/version"}
FORMAT: Final = re.compile(r"(\d{1,9})\.(\d{1,9})\.(\d{1,9})", re.ASCII)


class WireVersion:
    """Answers 400 to a request whose version header is no version, or one below 0.8.0; without a header all is well."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on what this API understands."""
        problem = None
        if scope["type"] == "http" and scope["path"] not in UNCHECKED:
            problem = _problem_with(Headers(scope=scope).get(HEADER))
        if problem is None:
            await self._app(scope, receive, send)
        else:
            await JSONResponse({"detail": problem}, HTTPStatus.BAD_REQUEST)(scope, receive, send)


def _problem_with(version: str | None) -> str | None:
    if not version:
        return None
    found = FORMAT.fullmatch(version)
    if found is None:
        return f"Invalid {HEADER} header format. Expected header in format 'x.y.z'."
    if tuple(map(int, found.groups())) < OLDEST:
        oldest = ".".join(map(str, OLDEST))
        return f"The request specified an API version that is too old: this server requires {oldest} or higher."
    return None
