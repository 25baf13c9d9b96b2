"""Runs a route in one thread: the validation of its body, its function and transaction, and its response."""

import inspect
from collections.abc import Callable, Coroutine, Mapping
from functools import partial, update_wrapper
from http import HTTPStatus
from typing import Any, Final

from fastapi import Request, Response
from pydantic import TypeAdapter
from sqlalchemy.orm import Session, sessionmaker

from app.errors import Unavailable
from app.long_checks import ATTEMPTS, LongCheck, results
from app.threads import Threads
from app.web.bodies import as_sent, is_body, read_body

JSON: Final = "application/json"
Endpoint = Callable[..., Any]


def in_one_thread(endpoint: Endpoint, status: int) -> Callable[..., Coroutine[Any, Any, Response]]:
    """Return the coroutine function that FastAPI calls instead of this synchronous function.

    It has the same parameters without the session, and FastAPI does not validate its body. All of the work is done in
    one thread, because switching threads costs more than most of it. So a thread that holds row locks never waits for
    another thread before it releases them, and a large body does not stop the event loop.

    Args:
        endpoint: the function of the route. A parameter with the annotation `Session` gets an open transaction.
        status: the status of the response, unless the function chooses another one.
    """
    function = _RouteFunction(endpoint, status)

    async def call(request: Request, **arguments: Any) -> Response:
        return await function.call(request, arguments)

    update_wrapper(call, endpoint)
    # Otherwise FastAPI would unwrap `call` and inspect the endpoint.
    del call.__dict__["__wrapped__"]
    call.__dict__["__signature__"] = function.public_signature()
    return call


class _RouteFunction:
    """The function of a route, and what its parameters and its result are."""

    def __init__(self, endpoint: Endpoint, status: int) -> None:
        self._endpoint = endpoint
        self._status = status
        self._signature = inspect.signature(endpoint)
        self._session, self._request, self._response = map(self._named, (Session, Request, Response))
        self._bodies: Mapping[str, TypeAdapter[Any]] = {
            parameter.name: TypeAdapter(parameter.annotation)
            for parameter in self._signature.parameters.values()
            if is_body(parameter.annotation)
        }
        self._serialise = _serialiser(self._signature.return_annotation)

    async def call(self, request: Request, arguments: dict[str, Any]) -> Response:
        """Run the function in a thread. After a long check, it is called again."""
        if self._request is not None:
            arguments[self._request] = request
        state = request.app.state
        threads: Threads = state.threads
        # Each request runs in a context of its own, so the results need not be removed.
        results.set({})
        for _ in range(ATTEMPTS):
            try:
                return await threads.run(partial(self._run, state.sessions, arguments))
            except LongCheck as needed:
                # Not the exception: it refers to this frame, and so would keep the request in memory.
                check = needed.run
            await state.long_checks.run(check)
        raise Unavailable("Service Unavailable")

    def _run(self, sessions: sessionmaker[Session], sent: Mapping[str, Any]) -> Response:
        arguments = {**sent, **{name: read_body(adapter, sent[name]) for name, adapter in self._bodies.items()}}
        injected = arguments.get(self._response) if self._response is not None else None
        if self._session is None:
            return self._respond(self._endpoint(**arguments), injected)
        with sessions() as session:
            result = self._endpoint(**{self._session: session}, **arguments)
            session.commit()
        return self._respond(result, injected)

    def _respond(self, result: Any, injected: Response | None) -> Response:
        if isinstance(result, Response):
            return result
        if self._status == HTTPStatus.NO_CONTENT:
            return Response(status_code=self._status, media_type=JSON)
        chosen = injected.status_code if injected is not None else None
        return Response(self._serialise(result), status_code=chosen or self._status, media_type=JSON)

    def public_signature(self) -> inspect.Signature:
        """Return the signature that FastAPI inspects: without the hidden parameters, and with `request`."""
        keywords = [
            parameter.replace(
                kind=inspect.Parameter.KEYWORD_ONLY,
                annotation=as_sent(parameter.annotation) if parameter.name in self._bodies else parameter.annotation,
            )
            for parameter in self._signature.parameters.values()
            if parameter.name not in (self._session, self._request)
        ]
        request = inspect.Parameter("request", inspect.Parameter.KEYWORD_ONLY, annotation=Request)
        return self._signature.replace(parameters=[*keywords, request])

    def _named(self, annotation: type) -> str | None:
        """Return the name of the parameter with this annotation."""
        parameters = self._signature.parameters.items()
        return next((name for name, entry in parameters if entry.annotation is annotation), None)


def _serialiser(annotation: Any) -> Callable[[Any], bytes]:
    """Return a function that serialises values of the annotated type as JSON."""
    is_response = isinstance(annotation, type) and issubclass(annotation, Response)
    return partial(TypeAdapter(Any if is_response else annotation).dump_json, by_alias=True)
