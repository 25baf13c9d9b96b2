"""Liveness, readiness and version."""

from http import HTTPStatus

import redis
from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from app.api.deps import SettingsDep
from app.database import describe
from app.migrations.state import current_revision, head_revision
from app.settings import Settings

router = APIRouter(tags=["health"])

BROKER_TIMEOUT_SECONDS = 1.0
WIRE_VERSION = "0.8.4"
"""The version of Prefect's wire protocol that this API follows."""


@router.get("/health")
def read_health() -> bool:
    """Tell that the process runs."""
    return True


@router.get("/hello")
def say_hello() -> str:
    """Answer a greeting."""
    return "👋"


@router.get("/version")
def read_wire_version() -> str:
    """Return the version of the wire protocol."""
    return WIRE_VERSION


@router.get("/admin/version")
def read_server_version(settings: SettingsDep) -> str:
    """Return the server version that clients compare with their own."""
    return settings.api_version


@router.get("/ready")
def read_readiness(request: Request, settings: SettingsDep) -> JSONResponse:
    """Answer 200 when database, migrations and broker are as they should be, else 503 with the reasons."""
    reasons = {
        "database": _database_problem(request.app.state.engine),
        "broker": _broker_problem(settings),
    }
    problems = {part: reason for part, reason in reasons.items() if reason is not None}
    if not problems:
        return JSONResponse({"message": "OK"})
    text = "; ".join(f"{part}: {reason}" for part, reason in problems.items())
    return JSONResponse({"message": text, "reasons": problems}, HTTPStatus.SERVICE_UNAVAILABLE)


def _database_problem(engine: Engine) -> str | None:
    try:
        with engine.connect() as connection:
            current, head = current_revision(connection), head_revision()
    except DBAPIError as error:
        return f"does not answer ({describe(error)})"
    except PoolTimeoutError:
        return "no connection is free"
    if current != head:
        return f"is at migration {current}, this version needs {head}: run `aftercommit migrate`"
    return None


def _broker_problem(settings: Settings) -> str | None:
    client = redis.Redis.from_url(
        settings.broker_url,
        socket_timeout=BROKER_TIMEOUT_SECONDS,
        socket_connect_timeout=BROKER_TIMEOUT_SECONDS,
    )
    try:
        client.ping()
    except redis.RedisError as error:
        return f"does not answer ({type(error).__name__})"
    finally:
        client.close()
    return None
