"""Which statuses a route answers with, and the form of their bodies. This follows from what the route does."""

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any, Final, NamedTuple

from fastapi.routing import APIRoute
from pydantic import BaseModel

from app.models.api_key import Role
from app.schemas.errors import ErrorDetail, ErrorMessage, InvalidRequestMessage
from app.web.errors import MISSING_REFERENCE
from app.web.roles import needed_role
from app.web.routing import PROBES
from app.web.wire_version import UNCHECKED_PATHS

JsonObject = dict[str, Any]

RETRY_AFTER: Final = {"Retry-After": "The seconds after which the request may succeed."}


class Answer(NamedTuple):
    """An error response: when it occurs, the forms of its body, an example of the first one, and its headers."""

    when: str
    models: tuple[type[BaseModel], ...]
    example: JsonObject
    headers: dict[str, str] | None = None


ERRORS: Final = {
    HTTPStatus.BAD_REQUEST: Answer(
        "The header `X-PREFECT-API-VERSION` or the encoding of the body is invalid, or the request cannot be done.",
        (ErrorDetail,),
        {"detail": "Invalid X-PREFECT-API-VERSION header format. Expected header in format 'x.y.z'."},
    ),
    HTTPStatus.UNAUTHORIZED: Answer(
        "The request has no valid credential.",
        (ErrorMessage,),
        {"exception_message": "Unauthorized"},
        {"WWW-Authenticate": "Bearer. For a request that accepts HTML also Basic, for which a browser asks."},
    ),
    HTTPStatus.FORBIDDEN: Answer(
        "The role, the `Host`, the CSRF token or the page that sent the request is not allowed, or the "
        "resource is protected.",
        (ErrorDetail,),
        {"detail": "Work pools whose names start with 'prefect' are reserved for internal use."},
    ),
    HTTPStatus.NOT_FOUND: Answer("There is no such resource.", (ErrorDetail,), {"detail": "Deployment not found"}),
    HTTPStatus.CONFLICT: Answer(
        "The request conflicts with what is stored.",
        (ErrorDetail,),
        {"detail": MISSING_REFERENCE},
    ),
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: Answer(
        "The body is too large.", (ErrorDetail,), {"detail": "The request body is larger than 4194304 bytes."}
    ),
    HTTPStatus.UNPROCESSABLE_ENTITY: Answer(
        "A value is invalid, cannot be stored, or takes too long to read.",
        (InvalidRequestMessage, ErrorDetail),
        {
            "exception_message": "Invalid request received.",
            "exception_detail": [{"type": "missing", "loc": ["body", "name"], "msg": "Field required"}],
            "request_body": None,
        },
    ),
    HTTPStatus.TOO_MANY_REQUESTS: Answer(
        "Too many long checks run already.",
        (ErrorDetail,),
        {"detail": "Too many values with large schemas are being checked. Try again later."},
        RETRY_AFTER,
    ),
    HTTPStatus.NOT_IMPLEMENTED: Answer(
        "A Prefect server can do this, the registry cannot.",
        (ErrorDetail,),
        {"detail": "aftercommit is a registry of deployments and does not run them."},
    ),
    HTTPStatus.SERVICE_UNAVAILABLE: Answer(
        "The database does not answer, or the API is stopping.",
        (ErrorMessage,),
        {"exception_message": "Service Unavailable"},
        RETRY_AFTER,
    ),
}

ERROR_MODELS: Final = tuple({model: None for answer in ERRORS.values() for model in answer.models})


def responses_of_errors() -> dict[str, JsonObject]:
    """Return the `components.responses` of the document, by the name of the status."""
    return {status.name: _response(answer) for status, answer in ERRORS.items()}


def reference_to(status: HTTPStatus) -> JsonObject:
    """Return a reference to the response with this status."""
    return {"$ref": f"#/components/responses/{status.name}"}


def statuses_of_errors(route: APIRoute, method: str, operation: JsonObject) -> Iterator[HTTPStatus]:
    """Yield the error statuses of a documented operation."""
    has_body = "requestBody" in operation
    yield HTTPStatus.SERVICE_UNAVAILABLE
    if route.path not in UNCHECKED_PATHS or has_body:
        yield HTTPStatus.BAD_REQUEST
    if needs_credential(route):
        yield HTTPStatus.UNAUTHORIZED
        yield HTTPStatus.FORBIDDEN
    if "{" in route.path:
        yield HTTPStatus.NOT_FOUND
    if has_body:
        yield HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    if has_body or "parameters" in operation:
        yield HTTPStatus.UNPROCESSABLE_ENTITY
    if needed_role(method, route.path) is not Role.READ:
        yield HTTPStatus.CONFLICT


def needs_credential(route: APIRoute) -> bool:
    """Return whether a request needs a credential, if one is configured."""
    return route.path not in PROBES


def _response(answer: Answer) -> JsonObject:
    schemas = [{"$ref": f"#/components/schemas/{model.__name__}"} for model in answer.models]
    schema = schemas[0] if len(schemas) == 1 else {"anyOf": schemas}
    response: JsonObject = {
        "description": answer.when,
        "content": {"application/json": {"schema": schema, "example": answer.example}},
    }
    if answer.headers:
        response["headers"] = {
            name: {"description": text, "schema": {"type": "string"}} for name, text in answer.headers.items()
        }
    return response
