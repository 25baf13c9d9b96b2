"""Makes the routers and their routes."""

import asyncio
from collections.abc import Callable
from enum import Enum
from http import HTTPStatus
from typing import Any, Final

from fastapi import APIRouter
from fastapi.routing import APIRoute
from starlette.types import Receive, Scope, Send

from app.capture.attribution import acting_as
from app.web.attribution import attribution_of
from app.web.roles import only_reads, require_role
from app.web.route_functions import in_one_thread
from app.web.sender import holder_of

PREFIX: Final = "/api"
"""The prefix of every route; `/health` and `/ready` also exist without it."""

PROBES: Final = frozenset({"/health", "/ready", f"{PREFIX}/health", f"{PREFIX}/ready"})
"""The paths of health checks. They need no credential and no API version, as with Prefect's server."""

Endpoint = Callable[..., Any]


def make_router(prefix: str = "", *, tags: list[str | Enum] | None = None, include_in_schema: bool = True) -> APIRouter:
    """Return a router for the routes below `/api` and this prefix."""
    return APIRouter(
        prefix=PREFIX + prefix,
        tags=tags,
        route_class=Route,
        include_in_schema=include_in_schema,
        generate_unique_id_function=_operation_id,
        # Older clients send JSON without a content type.
        strict_content_type=False,
    )


def also(*statuses: HTTPStatus) -> dict[int | str, dict[str, Any]]:
    """Return the `responses` of a route with statuses that its method, path and body do not imply.

    `app/web/openapi/answers.py` says which statuses they imply.
    """
    return {status: {} for status in statuses}


def _operation_id(route: APIRoute) -> str:
    """Return the id of the operation in the OpenAPI document."""
    return route.name


class Route(APIRoute):
    """A route of FastAPI that checks the role, and sets the attribution of changes.

    Its synchronous function runs in one of the API's own threads.
    A parameter that is annotated with `Session` gets a session with an open transaction. It is committed when the
    function returns, before the response is sent, and rolled back when the function raises.
    """

    def __init__(self, path: str, endpoint: Endpoint, *, status_code: int | None = None, **options: Any) -> None:
        """Take the arguments of FastAPI's `APIRoute`."""
        if not asyncio.iscoroutinefunction(endpoint):
            endpoint = in_one_thread(endpoint, status_code or HTTPStatus.OK)
        super().__init__(path, endpoint, status_code=status_code, **options)

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request whose role is enough, before its body is read."""
        if not self.methods or scope["method"] not in self.methods:
            await super().handle(scope, receive, send)
            return
        require_role(scope, self.path, holder_of(scope).role)
        if only_reads(scope["method"], self.path):
            await super().handle(scope, receive, send)
            return
        with acting_as(attribution_of(scope)):
            await super().handle(scope, receive, send)
