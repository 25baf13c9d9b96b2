"""Liveness, readiness and version."""

from http import HTTPStatus

import redis
from fastapi import Request
from fastapi.responses import JSONResponse
from redis.backoff import NoBackoff
from redis.retry import Retry
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from app.errors import Unavailable
from app.migrations.state import HEAD, current_revision
from app.postgres.engine import describe
from app.settings import Settings
from app.web.deps import SettingsDep
from app.web.routing import make_router

router = make_router(tags=["health"])

BROKER_TIMEOUT_SECONDS = 0.7
"""For connecting, and again for the answer: with a hung database before it, all of `/ready` stays below 5 seconds."""
LEAVING = "The process is about to end."
WIRE_VERSION = "0.8.4"
"""The version of Prefect's wire protocol that this API follows."""


# On the event loop: it must be answered at once also while every thread waits for a database that hangs.
@router.get("/health", responses={HTTPStatus.SERVICE_UNAVAILABLE: {"description": LEAVING}})
async def read_health(request: Request) -> bool:
    """Tell that the process runs; 503 once it is about to leave, so that a load balancer sends nothing more.

    Raises:
        Unavailable: it was asked to stop.
    """
    if request.app.state.leaving:
        raise Unavailable(LEAVING)
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
        "api": LEAVING if request.app.state.leaving else None,
    }
    problems = {part: reason for part, reason in reasons.items() if reason is not None}
    if not problems:
        return JSONResponse({"message": "OK"})
    text = "; ".join(f"{part}: {reason}" for part, reason in problems.items())
    return JSONResponse({"message": text, "reasons": problems}, HTTPStatus.SERVICE_UNAVAILABLE)


def _database_problem(engine: Engine) -> str | None:
    try:
        with engine.connect() as connection:
            current = current_revision(connection)
    except DBAPIError as error:
        return f"does not answer ({describe(error)})"
    except PoolTimeoutError:
        return "no connection is free"
    if current != HEAD:
        return f"is at migration {current}, this version needs {HEAD}: run `aftercommit migrate`"
    return None


def _broker_problem(settings: Settings) -> str | None:
    client = redis.Redis.from_url(
        settings.broker_url,
        socket_timeout=BROKER_TIMEOUT_SECONDS,
        socket_connect_timeout=BROKER_TIMEOUT_SECONDS,
        # One try: the question is whether it answers now, and the caller waits.
        retry=Retry(NoBackoff(), 0),
    )
    try:
        client.ping()
    except redis.RedisError as error:
        return f"does not answer ({type(error).__name__})"
    finally:
        client.close()
    return None
