"""CSRF protection: a page of another site can make a browser send a request, but it cannot read a token.

A token is an HMAC over its client and its expiration time. So every API process can check the tokens of all others, and
no token is stored.
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

from app.access import UNSAFE_METHODS
from app.settings import Settings

TOKEN_SECONDS: Final = 3600
MISSING_TOKEN: Final = "Missing CSRF token."  # noqa: S105  # The words that Prefect's client looks for.
MISSING_CLIENT: Final = "Missing client identifier."
INVALID: Final = "Invalid CSRF token or client identifier."


class CsrfProtection:
    """Answers 403 to a change without a valid token of its client. Prefect's client then requests a new token."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on requests that change nothing, and changes with a valid token."""
        problem = None
        if scope["type"] == "http" and scope["method"] in UNSAFE_METHODS:
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
    """Return a new token of this client, and its expiration time."""
    expiration = int(time.time()) + TOKEN_SECONDS
    return _token(settings, client, str(expiration)), datetime.fromtimestamp(expiration, UTC)


def _token(settings: Settings, client: str, expiration: str) -> str:
    # A separate key, derived from the masking key: tokens and masked values reveal nothing about each other.
    key = _hmac(settings.masking_key.get_secret_value().encode(), b"aftercommit csrf token").digest()
    return f"{expiration}.{_hmac(key, f'{expiration} {client}'.encode()).hexdigest()}"


def _is_valid(settings: Settings, token: str, client: str) -> bool:
    expiration = token.partition(".")[0]
    is_genuine = hmac.compare_digest(_token(settings, client, expiration).encode(), token.encode())
    return is_genuine and int(expiration) > time.time()


def _hmac(key: bytes, message: bytes) -> hmac.HMAC:
    return hmac.new(key, message, hashlib.sha256)
