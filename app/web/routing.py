"""How a request finds its route, and how a route with a transaction runs: all of it in one thread."""

import inspect
from collections import defaultdict
from collections.abc import Callable, Coroutine, Iterable
from enum import Enum
from functools import partial, update_wrapper
from http import HTTPStatus
from itertools import chain
from typing import Any, Final

from fastapi import APIRouter, Request, Response
from fastapi.routing import APIRoute
from pydantic import TypeAdapter
from sqlalchemy.orm import Session, sessionmaker
from starlette.datastructures import URLPath
from starlette.routing import BaseRoute, Match, NoMatchFound
from starlette.types import Receive, Scope, Send

from app.web.arguments import REQUEST, Handler, reading_at_once
from app.web.threads import Threads

PREFIX: Final = "/api"
"""What the path of every route begins with; `/health` and its like are there without it, too."""

PROBES: Final = frozenset({"/health", "/ready", f"{PREFIX}/health", f"{PREFIX}/ready"})
"""What load balancers and start scripts ask: they bring no credentials and no version, as with Prefect's server."""

SESSION: Final = "session"
RESPONSE: Final = "response"
JSON: Final = "application/json"
FOUND: Final = "aftercommit.route"

ANY: Final = None
"""Stands for the first part of a path where that is a parameter."""

Endpoint = Callable[..., Any]


def make_router(prefix: str = "", *, tags: list[str | Enum] | None = None, include_in_schema: bool = True) -> APIRouter:
    """Return a router for the routes below `/api` and this prefix."""
    return APIRouter(
        prefix=PREFIX + prefix,
        tags=tags,
        route_class=Route,
        include_in_schema=include_in_schema,
        # Older clients send JSON without saying so.
        strict_content_type=False,
    )


class Route(APIRoute):
    """A route of FastAPI. A function with a `session` gets a transaction with it.

    It is committed when the function returns, before anything is answered, and rolled back when it raises.
    """

    def __init__(self, path: str, endpoint: Endpoint, *, status_code: int | None = None, **options: Any) -> None:
        """Take what FastAPI's route takes."""
        self._has_transaction = SESSION in inspect.signature(endpoint).parameters
        if self._has_transaction:
            endpoint = _in_one_thread(endpoint, status_code or HTTPStatus.OK)
        super().__init__(path, endpoint, status_code=status_code, **options)

    def get_route_handler(self) -> Handler:
        """Return what makes a response of a request."""
        thorough = super().get_route_handler()
        return reading_at_once(self, thorough) if self._has_transaction else thorough


def _in_one_thread(endpoint: Endpoint, status: int) -> Callable[..., Coroutine[Any, Any, Response]]:
    """Return what FastAPI calls instead: it looks the same, but for the session.

    Transaction, function, commit and the writing of the answer share one thread, since each change of threads costs
    more than any of them but the function. So a thread that holds rows never waits for another one to let them go.
    """
    signature = inspect.signature(endpoint)
    given = [parameter for name, parameter in signature.parameters.items() if name not in (SESSION, REQUEST)]
    answer = TypeAdapter(signature.return_annotation)
    takes_request = REQUEST in signature.parameters

    def run(sessions: sessionmaker[Session], values: dict[str, Any]) -> Response:
        with sessions() as session:
            result = endpoint(session=session, **values)
            session.commit()
        if status == HTTPStatus.NO_CONTENT:
            return Response(status_code=status, media_type=JSON)
        chosen: Response | None = values.get(RESPONSE)
        return Response(
            answer.dump_json(result, by_alias=True),
            status_code=chosen.status_code if chosen is not None and chosen.status_code else status,
            media_type=JSON,
        )

    async def call(request: Request, **values: Any) -> Response:
        state = request.app.state
        if takes_request:
            values[REQUEST] = request
        threads: Threads = state.threads
        return await threads.run(partial(run, state.sessions, values))

    update_wrapper(call, endpoint)
    # FastAPI would look through to the function itself.
    del call.__dict__["__wrapped__"]
    request = inspect.Parameter(REQUEST, inspect.Parameter.KEYWORD_ONLY, annotation=Request)
    keywords = [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in given]
    call.__dict__["__signature__"] = signature.replace(parameters=[*keywords, request])
    return call


class Index(BaseRoute):
    """Finds the first of many routes that fits, by its method and the first part of its path below `/api`.

    It stands before the routes themselves, which answer to what it does not find.
    """

    def __init__(self, routes: Iterable[BaseRoute]) -> None:
        """Take the routes in their order, those whose path begins with a parameter after all others."""
        self._routes: dict[tuple[str, str | None], list[BaseRoute]] = defaultdict(list)
        for route in routes:
            if isinstance(route, APIRoute):
                section = _section(route.path)
                for method in route.methods or ():
                    self._routes[method, ANY if section.startswith("{") else section].append(route)

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Return the match of the route that fits, or none."""
        if scope["type"] == "http" and not scope.get("root_path"):
            method, section = scope["method"], _section(scope["path"])
            for route in chain(self._routes.get((method, section), ()), self._routes.get((method, ANY), ())):
                match, found = route.matches(scope)
                if match is Match.FULL:
                    return match, {**found, FOUND: route}
        return Match.NONE, {}

    def url_path_for(self, name: str, /, **path_params: Any) -> URLPath:
        """Leave it to the routes themselves to tell their paths."""
        raise NoMatchFound(name, path_params)

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the route that was found answer."""
        await scope[FOUND].handle(scope, receive, send)


def _section(path: str) -> str:
    return path.removeprefix(f"{PREFIX}/").partition("/")[0]
