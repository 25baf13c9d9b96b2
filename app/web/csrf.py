"""Protection against forged changes: a page of another site can make a browser send a request, and not read a token.

A token is an HMAC over its client and its end, so any API process knows one that another has given, and nothing is
stored.
"""

import hashlib
import hmac
import time
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Final

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from app.settings import Settings

TOKEN_SECONDS: Final = 3600
CHANGING: Final = frozenset({"POST", "PUT", "PATCH", "DELETE"})
MISSING_TOKEN: Final = "Missing CSRF token."  # noqa: S105  # The words that Prefect's client looks for.
MISSING_CLIENT: Final = "Missing client identifier."
INVALID: Final = "Invalid CSRF token or client identifier."


class CsrfProtection:
    """Answers 403 to a change without a token of its client. Prefect's client then asks for a new one."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on what changes nothing, and changes that bring their token."""
        problem = None
        if scope["type"] == "http" and scope["method"] in CHANGING:
            headers = Headers(scope=scope)
            problem = self._problem_with(headers.get("Prefect-Csrf-Token"), headers.get("Prefect-Csrf-Client"))
        if problem is None:
            await self._app(scope, receive, send)
        else:
            await JSONResponse({"detail": problem}, HTTPStatus.FORBIDDEN)(scope, receive, send)

    def _problem_with(self, token: str | None, client: str | None) -> str | None:
        if token is None:
            return MISSING_TOKEN
        if client is None:
            return MISSING_CLIENT
        return None if _is_valid(self._settings, token, client) else INVALID


def new_token(settings: Settings, client: str) -> tuple[str, datetime]:
    """Return a token for the changes of this client, and when it expires."""
    until = int(time.time()) + TOKEN_SECONDS
    return _token(settings, client, str(until)), datetime.fromtimestamp(until, UTC)


def _token(settings: Settings, client: str, until: str) -> str:
    # A key of its own, so that no token says anything about a mask, nor a mask about a token.
    key = _hmac(settings.masking_key.get_secret_value().encode(), b"aftercommit csrf token").digest()
    return f"{until}.{_hmac(key, f'{until} {client}'.encode()).hexdigest()}"


def _is_valid(settings: Settings, token: str, client: str) -> bool:
    until = token.partition(".")[0]
    is_genuine = hmac.compare_digest(_token(settings, client, until).encode(), token.encode())
    return is_genuine and int(until) > time.time()


def _hmac(key: bytes, message: bytes) -> hmac.HMAC:
    return hmac.new(key, message, hashlib.sha256)
