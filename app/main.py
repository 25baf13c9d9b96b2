"""The FastAPI app: `create_app` assembles the routes, the middleware, the error handlers and the shared objects."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.middleware.gzip import GZipMiddleware

from app.access import Credentials, SiteRules
from app.api import (
    client_events,
    client_stubs,
    concurrency_limits,
    csrf,
    deployment_schedules,
    deployments,
    event_stream,
    event_subscription,
    events,
    flows,
    health,
    polls,
    slots,
    sources,
    tag_limits,
    unsupported,
    unsupported_websockets,
    web_page,
    work_pools,
    work_queues,
)
from app.broker import doorbells
from app.broker.problems import warn_if_unverified
from app.capture.snapshot import make_masker
from app.log.live import LiveHub
from app.long_checks import LongChecks
from app.page import Page, PageFiles, default_folder
from app.postgres.engine import make_engine, make_sessions
from app.settings import Settings, get_settings
from app.telemetry import get_logger
from app.threads import Threads
from app.web.authentication import Authentication
from app.web.csrf import CsrfProtection
from app.web.errors import add_error_handlers
from app.web.middleware import BodyLimit, PathPrefix, RequestContext
from app.web.openapi import DocumentedApi
from app.web.routing import PREFIX
from app.web.sites import SiteCheck
from app.web.wire_version import WireVersion

logger = get_logger(__name__)

ROUTE_MODULES: Final = (
    deployments,
    flows,
    polls,
    work_pools,
    work_queues,
    events,
    client_events,
    deployment_schedules,
    concurrency_limits,
    tag_limits,
    slots,
    health,
    csrf,
    client_stubs,
    web_page,
    sources,
    event_subscription,
    event_stream,
    unsupported_websockets,
    unsupported,
)
"""The modules with routes below `/api`. Starlette tries the routes in this order, so the busiest modules come first.
`unsupported` comes last because its paths match those of other modules."""


def create_app(*, is_exposed: bool = False) -> FastAPI:
    """Return the app. It does not connect to any server yet, so the API can start while the servers are down.

    Args:
        is_exposed: whether the API listens on more than loopback. If so, every request needs a credential, and all
            requests are refused as long as no credential is configured.

    Raises:
        ConfigurationError: a setting is missing or invalid. The message names it.
    """
    settings = get_settings()
    # Report an invalid masking rule at the start, not in the first request that contains a secret.
    make_masker(settings)
    warn_if_unverified(settings)
    app = DocumentedApi(
        lifespan=_lifespan,
        # Nothing reads it, it costs a check in each request, and its logs would quote request data.
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    app.state.settings = settings
    app.state.is_stopping = False
    app.state.engine = make_engine(
        settings, application_name="aftercommit-api", lock_timeout_ms=settings.database_lock_timeout_ms
    )
    app.state.sessions = make_sessions(app.state.engine)
    app.state.threads = Threads(settings.api_threads)
    app.state.long_checks = LongChecks()
    app.state.live = LiveHub(settings)
    add_error_handlers(app)
    app.state.credentials = Credentials(settings, is_exposed=is_exposed)
    _add_middleware(app, settings)
    add_routes(app)
    return app


def add_routes(app: FastAPI) -> None:
    """Add all routes. The health routes exist without the prefix too, for load balancers and containers."""
    # Not with `include_router`: it would match each request against each router, and against each of its routes twice.
    app.router.routes += [route for module in ROUTE_MODULES for route in module.router.routes]
    for route in health.router.routes:
        if isinstance(route, APIRoute):
            app.add_api_route(route.path.removeprefix(PREFIX), route.endpoint, include_in_schema=False)


def _add_middleware(app: FastAPI, settings: Settings) -> None:
    """Add the middleware around the routes, from the innermost to the outermost."""
    app.add_middleware(BodyLimit, limit=settings.api_body_limit)
    if settings.csrf_protection:
        app.add_middleware(CsrfProtection, settings=settings)
    app.add_middleware(WireVersion)
    app.add_middleware(Authentication, credentials=app.state.credentials)
    _add_page(app, settings)
    app.add_middleware(SiteCheck, rules=SiteRules(app.state.credentials, settings.allowed_hosts))
    if settings.path_prefix:
        app.add_middleware(PathPrefix, prefix=settings.path_prefix)
    app.add_middleware(RequestContext, log_reads=settings.log_reads)
    # Outermost, so that error responses are compressed too. Level 1, because it blocks the event loop.
    app.add_middleware(GZipMiddleware, compresslevel=1)


def _add_page(app: FastAPI, settings: Settings) -> None:
    """Serve Prefect's web pages, unless a setting says otherwise or there are none."""
    if settings.page == "off":
        return
    files = PageFiles(settings.page_dir or default_folder(), settings.path_prefix)
    if not files.pages:
        logger.warning("page_missing", hint="make setup installs Prefect's web pages; AFTERCOMMIT_PAGE=off")
        return
    app.add_middleware(Page, files=files, settings=settings, credentials=app.state.credentials)


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    yield
    await app.state.live.close()
    app.state.threads.close()
    app.state.long_checks.close()
    app.state.credentials.close()
    doorbells.close()
    app.state.engine.dispose()
