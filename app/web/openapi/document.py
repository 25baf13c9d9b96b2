"""Completes the OpenAPI document that FastAPI generates: descriptions, statuses and security of every operation."""

from http import HTTPStatus
from importlib.metadata import version
from typing import Any, Final

from fastapi import FastAPI
from fastapi.routing import APIRoute

from app.web.openapi.answers import (
    ERROR_MODELS,
    needs_credential,
    reference_to,
    responses_of_errors,
    statuses_of_errors,
)
from app.web.openapi.descriptions import PROPERTIES
from app.web.openapi.descriptions_by_schema import OF_SCHEMA
from app.web.openapi.links import add_links
from app.web.openapi.page import add_page
from app.web.openapi.parameters import PARAMETERS

JsonObject = dict[str, Any]

TITLE: Final = "aftercommit"
SUMMARY: Final = "A registry of deployments whose change events are never lost and never made up."
DESCRIPTION: Final = """\
The API speaks the wire protocol of a Prefect server, so that Prefect's client and command line work with it.

- Every response has the header `X-Request-Id`: the one of the request, or a new one.
- A status of 503 or 429 says in `Retry-After` when to try again.
- A request head that is too large or too slow is refused with 431 or 408, without a body.
- A request for a change may have the headers `X-Aftercommit-Reason`, `X-Aftercommit-Change` and, with a key that may
  act for others, `X-Aftercommit-On-Behalf-Of`. A malformed one is refused with 422. The events contain them.
- Other resources of a Prefect server, such as runs, blocks and variables, are not here: their lists are empty, reading
  one is 404, and creating one is 501 with the reason.
"""
TAGS: Final = {
    "deployments": "A deployment says how, where and when a flow runs.",
    "flows": "A flow is a workflow, known by its name.",
    "work pools": "A work pool says which workers run the deployments that use it.",
    "work queues": "The queues of a work pool, each with a priority.",
    "workers": "Heartbeats and polls of the workers of a pool. Nothing runs here, so a poll returns no runs.",
    "concurrency limits": "How many runs there may be at once: global limits, and those of a tag.",
    "slots": "Who holds the slots of pools and queues: nobody, since nothing runs here.",
    "events": "The log of all changes. Each committed change is exactly one event.",
    "sources": "Databases that are not ours, such as that of a Prefect server, whose changes become events here.",
    "web page": "What only Prefect's web pages ask for.",
    "health": "Liveness, readiness and versions.",
    "csrf": "Tokens against forged requests of other sites.",
    "client stubs": "What Prefect's client asks for during other commands. There is nothing to return.",
    "unsupported": "What a Prefect server can do and this registry cannot.",
}
SECURITY: Final = {
    "key": {"type": "http", "scheme": "bearer", "description": "A key that `aftercommit keys create` has printed."},
    "auth string": {
        "type": "http",
        "scheme": "basic",
        "description": "The user and password of `AFTERCOMMIT_API_AUTH_STRING`; or any user, and a key as password.",
    },
}
SUCCESS: Final = {
    HTTPStatus.OK: "Success.",
    HTTPStatus.CREATED: "Created.",
    HTTPStatus.NO_CONTENT: "Done.",
    HTTPStatus.ACCEPTED: "Asked for.",
}
EXISTED: Final = "It existed already."


class DocumentedApi(FastAPI):
    """FastAPI with our OpenAPI document at `/openapi.json`, and the page that shows it at `/docs`."""

    def __init__(self, **options: Any) -> None:
        """Take the arguments of FastAPI that do not concern the document."""
        super().__init__(
            title=TITLE,
            summary=SUMMARY,
            description=DESCRIPTION,
            version=version(TITLE),
            license_info={"name": "Apache 2.0", "identifier": "Apache-2.0"},
            openapi_tags=[{"name": name, "description": text} for name, text in TAGS.items()],
            docs_url=None,
            redoc_url=None,
            separate_input_output_schemas=False,
            **options,
        )
        add_page(self)

    def openapi(self) -> JsonObject:
        """Return the document. It is generated once."""
        if self.openapi_schema is None:
            _complete(super().openapi(), [route for route in self.routes if isinstance(route, APIRoute)])
        return super().openapi()


def _complete(document: JsonObject, routes: list[APIRoute]) -> None:
    components = document["components"]
    components["responses"] = responses_of_errors()
    components["securitySchemes"] = SECURITY
    schemas = components["schemas"]
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    for model in ERROR_MODELS:
        schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas.update({**schema.pop("$defs", {}), model.__name__: schema})
    for name, schema in schemas.items():
        _describe_properties(name, schema)
    for route in routes:
        if route.include_in_schema:
            for method in route.methods or ():
                _complete_operation(document["paths"][route.path_format][method.lower()], route, method)
    add_links(document["paths"])


def _describe_properties(name: str, schema: JsonObject) -> None:
    for key, of_property in schema.get("properties", {}).items():
        text = OF_SCHEMA.get(f"{name}.{key}", PROPERTIES.get(key))
        if text is not None:
            of_property.setdefault("description", text)


def _complete_operation(operation: JsonObject, route: APIRoute, method: str) -> None:
    operation["summary"] = operation["summary"].capitalize()
    operation["security"] = [{name: []} for name in SECURITY] if needs_credential(route) else []
    for parameter in operation.get("parameters", ()):
        parameter.setdefault("description", PARAMETERS.get(parameter["name"], ""))
    responses = operation["responses"]
    responses.pop(str(HTTPStatus.UNPROCESSABLE_ENTITY.value), None)
    _complete_success(responses, route)
    declared = {HTTPStatus(int(status)) for status in responses}
    for status in sorted({*statuses_of_errors(route, method, operation), *declared}):
        if status >= HTTPStatus.BAD_REQUEST and "content" not in responses.get(str(status.value), ()):
            responses[str(status.value)] = reference_to(status)


def _complete_success(responses: JsonObject, route: APIRoute) -> None:
    status = HTTPStatus(route.status_code or HTTPStatus.OK)
    success = responses[str(status.value)]
    success["description"] = SUCCESS.get(status, "Accepted.")
    if success.get("content") == {"application/json": {"schema": {}}}:
        success["content"]["application/json"]["schema"] = {"type": "null"}
    if route.dependant.response_param_name is not None:
        # The function chooses between the status of the route and 200.
        responses[str(HTTPStatus.OK.value)] = {**success, "description": EXISTED}
