"""The routes for liveness, readiness and versions."""

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
from app.postgres.refusals import describe
from app.postgres.session_check import unsuitability
from app.schemas.errors import NotReady, Ready
from app.settings import Settings
from app.web.dependencies import SettingsDep
from app.web.routing import make_router

router = make_router(tags=["health"])

BROKER_TIMEOUT_SECONDS = 0.7
"""For connecting, and again for the reply. So `/ready` answers within 5 seconds even if the database hangs."""
STOPPING = "The API is stopping."
WIRE_VERSION = "0.8.4"
"""The version of Prefect's wire protocol that this API follows."""


# Asynchronous: it must answer at once, even while all threads wait for a database that hangs.
@router.get("/health")
async def read_health(request: Request) -> bool:
    """Return true, or 503 once the process is stopping, so that load balancers send no more requests."""
    if request.app.state.is_stopping:
        raise Unavailable(STOPPING)
    return True


@router.get("/hello")
def say_hello() -> str:
    """Return a greeting."""
    return "👋"


@router.get("/version")
def read_wire_version() -> str:
    """Return the version of Prefect's wire protocol that the API follows."""
    return WIRE_VERSION


@router.get("/admin/version")
def read_server_version(settings: SettingsDep) -> str:
    """Return the server version, which clients compare with their own."""
    return settings.api_version


@router.get("/ready", response_model=Ready, responses={HTTPStatus.SERVICE_UNAVAILABLE: {"model": NotReady}})
def read_readiness(request: Request, settings: SettingsDep) -> JSONResponse:
    """Answer 200 if the database and the broker answer and the schema is current, else 503 with the reasons."""
    reasons = {
        "database": _database_problem(request.app.state.engine),
        "broker": _broker_problem(settings),
        "api": STOPPING if request.app.state.is_stopping else None,
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
        return unsuitability(error) or f"does not answer ({describe(error)})"
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
        # No retries: the question is whether the broker answers now, and the caller waits.
        retry=Retry(NoBackoff(), 0),
    )
    try:
        client.ping()
    except redis.RedisError as error:
        return f"does not answer ({type(error).__name__})"
    finally:
        client.close()
    return None
