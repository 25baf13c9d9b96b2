"""Turns errors into answers of Prefect's shapes. No answer quotes a value that was sent or stored."""

from collections.abc import Callable, Coroutine, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from psycopg.errors import CheckViolation, ForeignKeyViolation
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from app.errors import AppError, Unavailable
from app.models.snapshot import STATE_LIMIT
from app.models.snapshot import TOO_LARGE as TOO_LARGE_CHECKS
from app.postgres.engine import describe, sqlstate
from app.telemetry import get_logger

logger = get_logger(__name__)

RETRY_AFTER_SECONDS = "1"
INTEGRITY = "Data integrity conflict. This usually means a unique or foreign key constraint was violated."
MISSING_REFERENCE = "Something that the request refers to does not exist (any more)."
PROGRAM_LIMIT = "54"
"""The SQLSTATE class of values that are too large or too deep for PostgreSQL."""
TOO_LARGE = "A value is too large or too deeply nested to be stored."
TOO_LARGE_A_CHANGE = (
    f"The change is too large to be recorded: all that is tracked of a resource may take {STATE_LIMIT} bytes of JSON."
)
NOT_STORABLE = "A value cannot be stored: texts must not hold NUL characters, and numbers must be finite and in range."

Handler = Callable[[Request, Any], Coroutine[Any, Any, JSONResponse]]


def add_error_handlers(app: FastAPI) -> None:
    """Install the handler of every error that a route may end with."""
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


def unexpected_error() -> JSONResponse:
    """Return the answer to an error that nobody foresaw."""
    return JSONResponse({"exception_message": "Internal Server Error"}, HTTPStatus.INTERNAL_SERVER_ERROR)


def unauthorized() -> JSONResponse:
    """Return the answer to who may not come in."""
    answer = JSONResponse({"exception_message": "Unauthorized"}, HTTPStatus.UNAUTHORIZED)
    for scheme in ("Basic", "Bearer"):
        answer.headers.append("WWW-Authenticate", f'{scheme} realm="aftercommit"')
    return answer


def unavailable(text: str) -> JSONResponse:
    """Return the answer to a request that may succeed a moment later."""
    return JSONResponse(
        {"exception_message": text}, HTTPStatus.SERVICE_UNAVAILABLE, {"Retry-After": RETRY_AFTER_SECONDS}
    )


async def _on_app_error(_request: Request, error: AppError) -> JSONResponse:
    if isinstance(error, Unavailable):
        return unavailable(str(error))
    return JSONResponse({"detail": str(error)}, error.status)


async def _on_invalid_request(_request: Request, error: RequestValidationError) -> JSONResponse:
    return JSONResponse(
        {
            "exception_message": "Invalid request received.",
            "exception_detail": _without_values(error.errors()),
            "request_body": None,
        },
        HTTPStatus.UNPROCESSABLE_ENTITY,
    )


async def _on_integrity(_request: Request, error: IntegrityError) -> JSONResponse:
    if isinstance(error.orig, CheckViolation) and error.orig.diag.constraint_name in TOO_LARGE_CHECKS:
        return JSONResponse({"detail": TOO_LARGE_A_CHANGE}, HTTPStatus.UNPROCESSABLE_ENTITY)
    missing = isinstance(error.orig, ForeignKeyViolation)
    return JSONResponse({"detail": MISSING_REFERENCE if missing else INTEGRITY}, HTTPStatus.CONFLICT)


async def _on_data(_request: Request, _error: DataError) -> JSONResponse:
    return JSONResponse({"detail": NOT_STORABLE}, HTTPStatus.UNPROCESSABLE_ENTITY)


async def _on_database(_request: Request, error: DBAPIError) -> JSONResponse:
    if (sqlstate(error) or "").startswith(PROGRAM_LIMIT):
        return JSONResponse({"detail": TOO_LARGE}, HTTPStatus.UNPROCESSABLE_ENTITY)
    # Away, full, read-only after a failover, not migrated yet: the same request may succeed later.
    logger.warning("database_unavailable", reason=describe(error))
    return unavailable("Service Unavailable")


async def _on_unavailable(_request: Request, error: Exception) -> JSONResponse:
    logger.warning("database_unavailable", reason=type(error).__name__)
    return unavailable("Service Unavailable")


def _without_values(errors: Sequence[Any]) -> list[dict[str, Any]]:
    """Keep where and what is wrong; the value itself (`input`, `ctx`) may be a secret or not even be JSON."""
    return [
        {
            "type": error["type"],
            "loc": [part if isinstance(part, int) else _printable(part) for part in error["loc"]],
            "msg": _printable(error["msg"]),
        }
        for error in errors
    ]


def _printable(text: Any) -> str:
    return str(text).encode("utf-8", "replace").decode()
