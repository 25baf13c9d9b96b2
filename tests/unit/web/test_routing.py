"""The index finds what a search through all routes would find."""

import re
from typing import Any

import pytest
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute, Match

from app.main import ROUTE_MODULES
from app.web.routing import MATCHED_ROUTE, RouteIndex

ROUTES = [route for module in ROUTE_MODULES for route in module.router.routes]
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
PATHS = sorted(
    {
        variant
        for route in ROUTES
        if isinstance(route, APIRoute)
        for filled in (re.sub(r"\{[^}]*\}", "one", route.path), re.sub(r"\{[^}]*\}", "filter", route.path))
        for variant in (filled, f"{filled.rstrip('/')}/", f"{filled.rstrip('/')}/more")
    }
)


def _scope(method: str, path: str) -> dict[str, Any]:
    return {"type": "http", "method": method, "path": path, "headers": []}


def _first_that_fits(method: str, path: str) -> BaseRoute | None:
    return next((route for route in ROUTES if route.matches(_scope(method, path))[0] is Match.FULL), None)


@pytest.mark.parametrize("method", METHODS)
def test_the_index_finds_the_route_that_a_search_through_all_finds(method: str) -> None:
    index = RouteIndex(ROUTES)
    assert len(PATHS) > 100
    for path in PATHS:
        match, found = index.matches(_scope(method, path))
        wanted = _first_that_fits(method, path)
        assert found.get(MATCHED_ROUTE) is wanted, f"{method} {path}"
        assert match is (Match.NONE if wanted is None else Match.FULL)


@pytest.mark.parametrize("path", ["*", "/", "/api", "/api/", "//api/flows/", "/health", "/api/flowers"])
def test_a_path_that_is_nobodys_is_left_to_the_routes(path: str) -> None:
    assert RouteIndex(ROUTES).matches(_scope("GET", path)) == (Match.NONE, {})


def test_below_a_mount_and_on_a_websocket_the_routes_decide() -> None:
    index = RouteIndex(ROUTES)
    assert index.matches({**_scope("GET", "/api/hello"), "root_path": "/api"}) == (Match.NONE, {})
    assert index.matches({"type": "websocket", "path": "/api/events/in"}) == (Match.NONE, {})
