"""Rejects clients that use too old a version of Prefect's wire protocol."""

import re
from http import HTTPStatus
from typing import Final

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from app.web.routing import PROBES

HEADER: Final = "X-PREFECT-API-VERSION"
OLDEST_VERSION: Final = (0, 8, 0)
UNCHECKED_PATHS: Final = PROBES | {"/version", "/api/version"}
FORMAT: Final = re.compile(r"(\d{1,9})\.(\d{1,9})\.(\d{1,9})", re.ASCII)


class WireVersion:
    """Answers 400 if the version header is malformed or below 0.8.0. A request without the header is allowed."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on requests without a version problem."""
        problem = None
        if scope["type"] == "http" and scope["path"] not in UNCHECKED_PATHS:
            problem = _problem_with(Headers(scope=scope).get(HEADER))
        if problem is None:
            await self._app(scope, receive, send)
        else:
            await JSONResponse({"detail": problem}, HTTPStatus.BAD_REQUEST)(scope, receive, send)


def _problem_with(version: str | None) -> str | None:
    if not version:
        return None
    match = FORMAT.fullmatch(version)
    if match is None:
        return f"Invalid {HEADER} header format. Expected header in format 'x.y.z'."
    if tuple(map(int, match.groups())) < OLDEST_VERSION:
        oldest = ".".join(map(str, OLDEST_VERSION))
        return f"The request specified an API version that is too old: this server requires {oldest} or higher."
    return None
