"""All routes of the API."""

from collections.abc import Iterator
from typing import Final

from fastapi.routing import APIWebSocketRoute

from app.api import unsupported_websockets
from app.main import ROUTE_MODULES
from app.web.roles import WEBSOCKET
from app.web.routing import Route

REFUSING: Final = [route for route in unsupported_websockets.router.routes if isinstance(route, APIWebSocketRoute)]
"""These answer 404 to everyone."""


def routes() -> Iterator[tuple[str, str]]:
    """Yield method and path template of every route below `/api`."""
    for module in ROUTE_MODULES:
        for route in module.router.routes:
            if isinstance(route, Route):
                yield from ((method, route.path) for method in sorted(route.methods or ()))
            elif route not in REFUSING:
                assert isinstance(route, APIWebSocketRoute), f"{route} checks no role"
                yield WEBSOCKET, route.path
