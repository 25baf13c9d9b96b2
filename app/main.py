"""The API process: `create_app` puts the routers, the error handlers and the shared parts together."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from anyio.to_thread import current_default_thread_limiter
from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.middleware.gzip import GZipMiddleware

from app import announcer
from app.access import Credentials
from app.api import (
    absent,
    absent_sockets,
    client_courtesy,
    client_events,
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
    tag_limits,
    work_pools,
    work_queues,
)
from app.capture.snapshot import make_masker
from app.log.live import Live
from app.outbox import record as outbox
from app.postgres.engine import make_engine, make_sessions
from app.settings import Settings, get_settings
from app.telemetry import configure_logging
from app.web.authentication import Authentication
from app.web.csrf import CsrfProtection
from app.web.errors import add_error_handlers
from app.web.middleware import BodyLimit, RequestContext
from app.web.routing import PREFIX, Index
from app.web.threads import Threads
from app.web.wire_version import WireVersion

ROUTED: Final = (
    health,
    flows,
    work_pools,
    work_queues,
    concurrency_limits,
    csrf,
    client_courtesy,
    events,
    client_events,
    event_subscription,
    event_stream,
    deployment_schedules,
    polls,
    slots,
    deployments,
    tag_limits,
    absent_sockets,
    absent,
)
"""The modules with routes below `/api`; a request goes to the first route that fits."""


def create_app(*, is_exposed: bool = False) -> FastAPI:
    """Return the API. It connects to nothing before the first request, so it starts while servers are down.

    Args:
        is_exposed: whether it listens on more than loopback. Then nobody comes in without a credential, also when
            there is none.

    Raises:
        ConfigurationError: a setting is missing or wrong; the text names it.
    """
    settings = get_settings()
    # A rule that cannot be right is said now, and not by the first request that has a secret.
    make_masker(settings)
    configure_logging(settings.log_level, as_json=settings.log_json)
    app = FastAPI(
        title="aftercommit",
        version=settings.api_version,
        lifespan=_lifespan,
        separate_input_output_schemas=False,
        # Nothing listens, it costs each request a question, and its log would quote what was sent.
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    app.state.settings = settings
    app.state.leaving = False
    app.state.engine = make_engine(
        settings, application_name="aftercommit-api", lock_timeout_ms=settings.database_lock_timeout_ms
    )
    app.state.sessions = make_sessions(app.state.engine)
    app.state.threads = Threads(settings.api_threads)
    app.state.live = Live(settings)
    add_error_handlers(app)
    app.state.credentials = Credentials(settings, is_exposed=is_exposed)
    _add_middleware(app, settings)
    # Not by `include_router`, which lets a request try each router and, in it, each route, twice.
    routes = [route for module in ROUTED for route in module.router.routes]
    app.router.routes += [Index(routes), *routes]
    _add_probes(app)
    return app


def _add_probes(app: FastAPI) -> None:
    """Answer the probes of load balancers and containers, which know no prefix."""
    for route in health.router.routes:
        if isinstance(route, APIRoute):
            app.add_api_route(route.path.removeprefix(PREFIX), route.endpoint, include_in_schema=False)


def _add_middleware(app: FastAPI, settings: Settings) -> None:
    """Put the layers around the routes, from the inside to the outside."""
    app.add_middleware(BodyLimit, limit=settings.api_body_limit)
    if settings.csrf_protection:
        app.add_middleware(CsrfProtection, settings=settings)
    app.add_middleware(WireVersion)
    app.add_middleware(Authentication, credentials=app.state.credentials)
    app.add_middleware(RequestContext)
    # Around all others, so that errors are compressed too. At the first level: it is done in the event loop.
    app.add_middleware(GZipMiddleware, compresslevel=1)


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    current_default_thread_limiter().total_tokens = app.state.settings.api_threads
    yield
    await app.state.live.close()
    app.state.threads.close()
    app.state.credentials.close()
    announcer.close()
    outbox.close()
    app.state.engine.dispose()
