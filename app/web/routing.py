"""Makes the routers, and runs the function of a route in a thread and a transaction."""

import asyncio
import inspect
from collections.abc import Callable, Coroutine, Sequence
from enum import Enum
from functools import partial, update_wrapper
from http import HTTPStatus
from typing import Any, Final

from fastapi import APIRouter, Request, Response
from fastapi.routing import APIRoute
from pydantic import TypeAdapter
from sqlalchemy.orm import Session, sessionmaker

from app.errors import Unavailable
from app.long_checks import ATTEMPTS, LongCheck, remembered_results
from app.threads import Threads

PREFIX: Final = "/api"
"""The prefix of every route; `/health` and `/ready` also exist without it."""

PROBES: Final = frozenset({"/health", "/ready", f"{PREFIX}/health", f"{PREFIX}/ready"})
"""The paths of health checks. They need no credential and no API version, as with Prefect's server."""

JSON: Final = "application/json"
Endpoint = Callable[..., Any]


def make_router(prefix: str = "", *, tags: list[str | Enum] | None = None, include_in_schema: bool = True) -> APIRouter:
    """Return a router for the routes below `/api` and this prefix."""
    return APIRouter(
        prefix=PREFIX + prefix,
        tags=tags,
        route_class=Route,
        include_in_schema=include_in_schema,
        # Older clients send JSON without a content type.
        strict_content_type=False,
    )


class Route(APIRoute):
    """A route of FastAPI whose synchronous function runs in one of the API's own threads.

    A parameter that is annotated with `Session` gets a session with an open transaction. It is committed when the
    function returns, before the response is sent, and rolled back when the function raises.
    """

    def __init__(self, path: str, endpoint: Endpoint, *, status_code: int | None = None, **options: Any) -> None:
        """Take the arguments of FastAPI's `APIRoute`."""
        if not asyncio.iscoroutinefunction(endpoint):
            endpoint = _in_one_thread(endpoint, status_code or HTTPStatus.OK)
        super().__init__(path, endpoint, status_code=status_code, **options)


def _in_one_thread(endpoint: Endpoint, status: int) -> Callable[..., Coroutine[Any, Any, Response]]:
    """Return the coroutine function that FastAPI calls instead. It has the same parameters, without the session.

    The function, its transaction and the serialisation of its result run in one thread, because switching threads costs
    more than most of them. So a thread that holds row locks never waits for another thread before it releases them.
    """
    signature = inspect.signature(endpoint)
    session_name, request_name, response_name = (_named(signature, type_) for type_ in (Session, Request, Response))
    serialise = _serialiser(signature.return_annotation)

    def respond(result: Any, injected: Response | None) -> Response:
        if isinstance(result, Response):
            return result
        if status == HTTPStatus.NO_CONTENT:
            return Response(status_code=status, media_type=JSON)
        chosen = injected.status_code if injected is not None else None
        return Response(serialise(result), status_code=chosen or status, media_type=JSON)

    def run(sessions: sessionmaker[Session], arguments: dict[str, Any]) -> Response:
        injected = arguments.get(response_name) if response_name is not None else None
        if session_name is None:
            return respond(endpoint(**arguments), injected)
        with sessions() as session:
            result = endpoint(**{session_name: session}, **arguments)
            session.commit()
        return respond(result, injected)

    async def call(request: Request, **arguments: Any) -> Response:
        if request_name is not None:
            arguments[request_name] = request
        state = request.app.state
        threads: Threads = state.threads
        work = partial(run, state.sessions, arguments)
        with remembered_results():
            for _ in range(ATTEMPTS):
                try:
                    return await threads.run(work)
                except LongCheck as needed:
                    check = needed
                await state.long_checks.run(check)
        raise Unavailable("Service Unavailable")

    update_wrapper(call, endpoint)
    # Otherwise FastAPI would unwrap `call` and inspect the endpoint.
    del call.__dict__["__wrapped__"]
    call.__dict__["__signature__"] = _public_signature(signature, hidden=(session_name, request_name))
    return call


def _named(signature: inspect.Signature, annotation: type) -> str | None:
    """Return the name of the parameter with this annotation."""
    return next((name for name, entry in signature.parameters.items() if entry.annotation is annotation), None)


def _public_signature(signature: inspect.Signature, *, hidden: Sequence[str | None]) -> inspect.Signature:
    """Return the signature that FastAPI inspects: without the hidden parameters, and with `request`."""
    keywords = [
        parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)
        for parameter in signature.parameters.values()
        if parameter.name not in hidden
    ]
    request = inspect.Parameter("request", inspect.Parameter.KEYWORD_ONLY, annotation=Request)
    return signature.replace(parameters=[*keywords, request])


def _serialiser(annotation: Any) -> Callable[[Any], bytes]:
    """Return a function that serialises values of the annotated type as JSON."""
    is_response = isinstance(annotation, type) and issubclass(annotation, Response)
    return partial(TypeAdapter(Any if is_response else annotation).dump_json, by_alias=True)
