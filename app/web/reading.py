"""Which route a request is for, and whether it changes anything."""

from typing import Final

from starlette.routing import Match
from starlette.types import Scope

READING: Final = ("filter", "count", "paginate", "{countable}", "concurrency_status", "history")
"""The last parts of the paths of POST routes that only read."""


def only_reads(method: str, path: str | None) -> bool:
    """Return whether a request to the route with this path template changes nothing. A POST to no route may change."""
    # In the path of the request, the last part may be the name of something to change.
    return method in ("GET", "HEAD", "OPTIONS") or (method == "POST" and (path or "").rpartition("/")[-1] in READING)


def route_path(scope: Scope) -> str | None:
    """Return the path template of the route, or None. The path of the request may contain names, or any other text."""
    if "route" not in scope:
        # The request was refused before the router saw it, or there is no route.
        matches = [(route.matches(scope)[0].value, route) for route in scope["app"].router.routes]
        match, route = max(matches, key=lambda each: each[0])
        scope["route"] = route if match != Match.NONE.value else None
    return getattr(scope["route"], "path_format", None)
