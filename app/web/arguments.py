"""Reads what a route takes out of a request that is as it should be; with any other, FastAPI does.

FastAPI finds out with each request what is known of its route beforehand, which costs more than the reading. What is
read here it would read to the same values, and who is refused is refused by FastAPI, in its words.
"""

import json
from collections.abc import Callable, Coroutine
from typing import Any, Final

from fastapi import Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from starlette.requests import ClientDisconnect

Handler = Callable[[Request], Coroutine[Any, Any, Response]]

REQUEST: Final = "request"
"""What the functions of these routes call the request."""
USUAL: Final = (None, "application/json")
"""The content types that older and newer clients send with JSON."""
UNREADABLE: Final = (ValueError, RecursionError, ClientDisconnect)
"""It is no JSON, too deep for Python, or not all of it has come."""


def reading_at_once(route: APIRoute, thorough: Handler) -> Handler:
    """Return a handler that reads path and body, and gives to `thorough`, FastAPI's own, what it cannot read.

    That is `thorough` itself for a route that takes more than parts of its path, one body and the response. The
    route's function takes the request, too, and returns the response.
    """
    needs = route.dependant
    if _takes_more(needs):
        return thorough
    function, chosen, status = route.endpoint, needs.response_param_name, route.status_code or 200

    async def handle(request: Request) -> Response:
        sent = [(part, request.path_params[part.alias]) for part in needs.path_params]
        try:
            sent += [(body, await _json(request)) for body in needs.body_params]
        except UNREADABLE:
            return await thorough(request)
        values = {}
        for field, value in sent:
            values[field.name], errors = field.validate(value, {}, loc=())
            if errors:
                return await thorough(request)
        if chosen is not None:
            values[chosen] = Response(status_code=status)
        answer: Response = await function(request=request, **values)
        return answer

    return handle


def _takes_more(needs: Dependant) -> bool:
    others = (
        needs.dependencies, needs.query_params, needs.header_params, needs.cookie_params, needs.body_params[1:],
        needs.http_connection_param_name, needs.background_tasks_param_name, needs.security_scopes_param_name,
        # A body under a name of its own in what is sent.
        [body for body in needs.body_params if getattr(body.field_info, "embed", False)],
    )  # fmt: skip
    return any(others) or needs.request_param_name != REQUEST


async def _json(request: Request) -> Any:
    """Return what is sent. Raises ValueError also for an unusual content type: FastAPI knows what that one is."""
    if request.headers.get("content-type") not in USUAL:
        raise ValueError("This content type is none that clients usually send.")
    return json.loads(await request.body())
