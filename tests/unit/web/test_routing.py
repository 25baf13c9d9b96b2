"""The route index finds the same route as a search through all routes."""

import re
from typing import Any

import pytest
from fastapi.routing import APIRoute
from starlette.routing import Match

from app.api import unsupported
from app.main import ROUTE_MODULES

MODULES = [module for module in ROUTE_MODULES if module is not unsupported]
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
FILLINGS = ("one", "filter", "count", "name", "tag", "get_scheduled_flow_runs", "2b942d9c-285d-46ed-92ab-5cf47eef8315")
PATHS = sorted(
    {
        variant
        for module in ROUTE_MODULES
        for route in module.router.routes
        if isinstance(route, APIRoute)
        for filling in FILLINGS
        for filled in [re.sub(r"\{[^}]*\}", filling, route.path).rstrip("/")]
        for variant in (filled, f"{filled}/", f"{filled}/more")
    }
)


def _scope(method: str, path: str) -> dict[str, Any]:
    return {"type": "http", "method": method, "path": path, "headers": []}


@pytest.mark.parametrize("method", METHODS)
def test_a_request_matches_the_routes_of_at_most_one_module(method: str) -> None:
    assert len(PATHS) > 500
    for path in PATHS:
        matching = [
            module.__name__
            for module in MODULES
            if any(route.matches(_scope(method, path))[0] is Match.FULL for route in module.router.routes)
        ]
        assert len(matching) <= 1, f"{method} {path}"


def test_the_catch_all_routes_come_last() -> None:
    assert ROUTE_MODULES[-1] is unsupported
