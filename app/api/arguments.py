"""Reads what a route takes out of a request that is as it should be; with any other, FastAPI does.

FastAPI finds out with each request what is known of its route beforehand, which costs more than the reading. What is
read here it would read to the same values, and who is refused is refused by FastAPI, in its words.
"""

import inspect
import json
from collections.abc import Callable, Coroutine
from typing import Any, Final

from fastapi import Request, Response
from fastapi.routing import APIRoute
from pydantic import TypeAdapter
from starlette.requests import ClientDisconnect

Handler = Callable[[Request], Coroutine[Any, Any, Response]]

USUAL: Final = (None, "application/json")
"""The content types that older and newer clients send with JSON."""
UNREADABLE: Final = (ValueError, RecursionError, ClientDisconnect)
"""No JSON, too deep for Python, not what the route takes, or not all of it has come."""


def reading_at_once(route: APIRoute, thorough: Handler) -> Handler:
    """Return a handler that reads path and body, and gives to `thorough`, FastAPI's own, what it cannot read.

    That is `thorough` itself for a route that takes more than parts of its path, one body and the response. The
    route's function takes the request, too, and returns the response.
    """
    needs = route.dependant
    others = (needs.dependencies, needs.query_params, needs.header_params, needs.cookie_params, needs.body_params[1:])
    # An embedded body stands under a name of its own in what is sent.
    if any(others) or any(getattr(body.field_info, "embed", False) for body in needs.body_params):
        return thorough
    function, chosen = route.endpoint, needs.response_param_name
    parameters = inspect.signature(function).parameters
    parts = {part.name: TypeAdapter(parameters[part.name].annotation) for part in needs.path_params}
    bodies = {body.name: TypeAdapter(parameters[body.name].annotation) for body in needs.body_params}
    status = route.status_code or 200

    async def handle(request: Request) -> Response:
        given = request.path_params
        try:
            values = {name: adapter.validate_python(given[name]) for name, adapter in parts.items()}
            for name, adapter in bodies.items():
                if request.headers.get("content-type") not in USUAL:
                    return await thorough(request)
                values[name] = adapter.validate_python(json.loads(await request.body()))
        except UNREADABLE:
            return await thorough(request)
        if chosen is not None:
            values[chosen] = Response(status_code=status)
        answer: Response = await function(request=request, **values)
        return answer

    return handle
