"""Turns errors into responses in Prefect's formats. No response contains a value that was sent or stored."""

from collections.abc import Callable, Coroutine
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from app.errors import AppError, ConfigurationError, TooManyRequests, Unauthorized, Unavailable
from app.models.snapshot import STATE_LIMIT
from app.models.snapshot import TOO_LARGE as TOO_LARGE_CHECKS
from app.postgres.refusals import (
    describe,
    failed_check,
    is_canceled,
    is_conflict,
    is_missing_reference,
    is_refusal,
    is_too_large,
)
from app.schemas.bounds import list_errors
from app.telemetry import get_logger
from app.web.roles import only_reads
from app.web.route_path import route_path

logger = get_logger(__name__)

OUTAGE_RETRY_SECONDS: Final = 13
"""Prefect's client gives up after five retries, whatever the interval. So it outlives an outage of a minute."""
CONFLICT_RETRY_SECONDS: Final = 1
INTEGRITY = "Data integrity conflict. This usually means a unique or foreign key constraint was violated."
MISSING_REFERENCE = "The request refers to a resource that does not exist (any more)."
TOO_LARGE = "A value is too large or too deeply nested to be stored."
CHANGE_TOO_LARGE = (
    f"The change is too large to record: the tracked fields of a resource may take at most {STATE_LIMIT} bytes of JSON."
)
TOO_SLOW = "Reading this takes too long. Use a filter that matches less, or with fewer entries."
REFUSED = "A rule of the database refuses the change."
NOT_STORABLE = "A value cannot be stored: strings must not contain NUL, and numbers must be finite and in range."

Handler = Callable[[Request, Any], Coroutine[Any, Any, JSONResponse]]


def add_error_handlers(app: FastAPI) -> None:
    """Install the handlers of the errors that a route may raise."""
    handlers: dict[type[Exception], Handler] = {
        AppError: _on_app_error,
        RequestValidationError: _on_invalid_request,
        IntegrityError: _on_integrity,
        DataError: _on_data,
        DBAPIError: _on_database,
        PoolTimeoutError: _on_unavailable,
    }
    for error, handler in handlers.items():
        app.add_exception_handler(error, handler)
    app.add_exception_handler(HTTPStatus.METHOD_NOT_ALLOWED, _on_wrong_method)


def unexpected_error() -> JSONResponse:
    """Return the response to an error that has no handler."""
    return JSONResponse({"exception_message": "Internal Server Error"}, HTTPStatus.INTERNAL_SERVER_ERROR)


def unauthorized(error: Unauthorized, *, is_shown: bool = False) -> JSONResponse:
    """Return the response to a request without a valid credential.

    Args:
        error: why it is refused.
        is_shown: whether a browser would show the response to a person. Then the browser is to ask for a credential.
            It must not for a request of a script: Prefect's web pages ask themselves.
    """
    response = JSONResponse({"exception_message": str(error)}, HTTPStatus.UNAUTHORIZED)
    for scheme in ("Basic", "Bearer") if is_shown else ("Bearer",):
        response.headers.append("WWW-Authenticate", f'{scheme} realm="aftercommit"')
    return response


def unavailable(text: str, retry_seconds: int = OUTAGE_RETRY_SECONDS) -> JSONResponse:
    """Return the response to a request that may succeed after `retry_seconds`."""
    return JSONResponse(
        {"exception_message": text}, HTTPStatus.SERVICE_UNAVAILABLE, {"Retry-After": str(retry_seconds)}
    )


async def _on_wrong_method(request: Request, _error: Exception) -> JSONResponse:
    # Each route of a path has one method, and Starlette would name only that of the first one.
    path = request.scope["route"].path
    methods = {
        method for route in request.app.routes if getattr(route, "path", None) == path for method in route.methods or ()
    }
    status = HTTPStatus.METHOD_NOT_ALLOWED
    return JSONResponse({"detail": status.phrase}, status, {"Allow": ", ".join(sorted(methods))})


async def _on_app_error(_request: Request, error: AppError) -> JSONResponse:
    if isinstance(error, Unavailable):
        return unavailable(str(error))
    if isinstance(error, ConfigurationError):
        logger.error("configuration_refused", reason=str(error))
    headers = {"Retry-After": str(OUTAGE_RETRY_SECONDS)} if isinstance(error, TooManyRequests) else None
    return JSONResponse({"detail": str(error)}, error.status, headers)


async def _on_invalid_request(_request: Request, error: RequestValidationError) -> JSONResponse:
    return JSONResponse(
        {
            "exception_message": "Invalid request received.",
            "exception_detail": list_errors(error.errors()),
            "request_body": None,
        },
        HTTPStatus.UNPROCESSABLE_ENTITY,
    )


async def _on_integrity(_request: Request, error: IntegrityError) -> JSONResponse:
    if failed_check(error) in TOO_LARGE_CHECKS:
        return JSONResponse({"detail": CHANGE_TOO_LARGE}, HTTPStatus.UNPROCESSABLE_ENTITY)
    return JSONResponse(
        {"detail": MISSING_REFERENCE if is_missing_reference(error) else INTEGRITY}, HTTPStatus.CONFLICT
    )


async def _on_data(_request: Request, _error: DataError) -> JSONResponse:
    return JSONResponse({"detail": NOT_STORABLE}, HTTPStatus.UNPROCESSABLE_ENTITY)


async def _on_database(request: Request, error: DBAPIError) -> JSONResponse:
    if is_too_large(error):
        return JSONResponse({"detail": TOO_LARGE}, HTTPStatus.UNPROCESSABLE_ENTITY)
    if is_refusal(error):
        logger.warning("change_refused", reason=describe(error))
        return JSONResponse({"detail": REFUSED}, HTTPStatus.UNPROCESSABLE_ENTITY)
    if is_canceled(error) and only_reads(request.method, route_path(request.scope)):
        return JSONResponse({"detail": TOO_SLOW}, HTTPStatus.UNPROCESSABLE_ENTITY)
    # The database may be away, full, read-only after a failover, or not migrated yet: a retry may succeed.
    logger.warning("database_unavailable", reason=describe(error))
    return unavailable("Service Unavailable", CONFLICT_RETRY_SECONDS if is_conflict(error) else OUTAGE_RETRY_SECONDS)


async def _on_unavailable(_request: Request, error: Exception) -> JSONResponse:
    logger.warning("database_unavailable", reason=type(error).__name__)
    return unavailable("Service Unavailable")
