"""Which route a request is for."""

from starlette.routing import Match
from starlette.types import Scope


def route_path(scope: Scope) -> str | None:
    """Return the path template of the route, or None. The path of the request may contain names, or any other text."""
    if "route" not in scope:
        # The request was refused before the router saw it, or there is no route.
        matches = [(route.matches(scope)[0].value, route) for route in scope["app"].router.routes]
        match, route = max(matches, key=lambda each: each[0])
        scope["route"] = route if match != Match.NONE.value else None
    return getattr(scope["route"], "path_format", None)
