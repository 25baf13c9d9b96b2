"""The routes for liveness, readiness and versions."""

from http import HTTPStatus

from fastapi import Request
from fastapi.responses import JSONResponse
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.orm import Session, sessionmaker

from app.broker.probe import problem_with_broker
from app.capture.masking_key import require_known_key
from app.capture.snapshot import make_masker
from app.errors import Unavailable, WrongMaskingKey
from app.migrations.state import HEAD, current_revision
from app.postgres.refusals import describe
from app.postgres.session_check import unsuitability
from app.schemas.errors import NotReady, Ready
from app.settings import Settings
from app.web.dependencies import SettingsDep
from app.web.routing import make_router

router = make_router(tags=["health"])

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
    """Answer 200 if the database is current and doorbells can be published, else 503 with the reasons."""
    database = _database_problem(request.app.state.engine)
    reasons = {
        "database": database,
        "masking_key": None if database else _masking_key_problem(request.app.state.sessions, settings),
        "broker": problem_with_broker(settings.broker_url),
        "api": STOPPING if request.app.state.is_stopping else None,
    }
    problems = {part: reason for part, reason in reasons.items() if reason is not None}
    if not problems:
        return JSONResponse({"message": "OK"})
    text = "; ".join(f"{part}: {reason}" for part, reason in problems.items())
    return JSONResponse({"message": text, "reasons": problems}, HTTPStatus.SERVICE_UNAVAILABLE)


def _masking_key_problem(sessions: sessionmaker[Session], settings: Settings) -> str | None:
    try:
        with sessions() as session:
            require_known_key(session, make_masker(settings))
    except WrongMaskingKey:
        return "is not the one that the masks in the database were made with"
    except (DBAPIError, PoolTimeoutError) as error:
        return f"cannot be compared ({type(error).__name__})"
    return None


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
