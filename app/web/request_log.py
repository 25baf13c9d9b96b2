"""Log lines about requests and WebSockets: who called which route, and what came of it. They contain no sent value."""

from http import HTTPStatus
from typing import Any, Final

from starlette.types import Scope

from app.access import Credentials
from app.telemetry import get_logger
from app.web.roles import REASON, only_reads
from app.web.route_path import route_path
from app.web.sender import SECRETS, ip_address_of

logger = get_logger(__name__)

REFUSALS: Final = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)


def log_request(scope: Scope, status: int | None, seconds: float, *, log_reads: bool) -> None:
    """Log a request after its response, unless it only read something and was allowed to.

    `status` is None if the request was cut off before its response began.
    """
    if log_reads or status in REFUSALS or not only_reads(scope["method"], route_path(scope)):
        # A status may be an enum, which text logs would show by its name.
        code = None if status is None else int(status)
        logger.info("request", method=scope["method"], status=code, ms=round(seconds * 1000, 1), **describe(scope))


def log_websocket(event: str, scope: Scope, **fields: object) -> None:
    """Log that a WebSocket was opened, closed or refused."""
    logger.info(event, **describe(scope), **fields)


def describe(scope: Scope) -> dict[str, Any]:
    """Return the fields of a log line that say who called which route."""
    secrets = scope.get(SECRETS, ())
    credentials: Credentials = scope["app"].state.credentials
    fields = {
        "route": route_path(scope),
        "key": credentials.key_name(secrets) if secrets else None,
        "address": ip_address_of(scope),
    }
    return {**fields, "reason": scope[REASON]} if REASON in scope else fields
