"""Compares responses of the API with its OpenAPI document."""

import re
from functools import cache
from typing import Any

import httpx2
import jsonschema_rs

from app.main import add_routes
from app.web.openapi import DocumentedApi

JsonObject = dict[str, Any]

OF_NO_OPERATION = frozenset({307, 405, 408, 431, 500})
"""Statuses from before a request reaches its operation, and that of planted faults."""


@cache
def document() -> JsonObject:
    """Return the OpenAPI document."""
    app = DocumentedApi()
    add_routes(app)
    return app.openapi()


def assert_documented(response: httpx2.Response) -> None:
    """Fail if the document has the operation, but not this status, content type or body for it."""
    request = response.request
    template = _template_of(request.method.lower(), request.url.path)
    if template is None or response.status_code in OF_NO_OPERATION:
        return
    what = f"{request.method} {template}: {response.status_code}"
    documented = resolved(document()["paths"][template][request.method.lower()]["responses"], response.status_code)
    assert documented is not None, f"{what} is not in the OpenAPI document"
    content_type = response.headers.get("content-type", "").partition(";")[0]
    content = documented.get("content")
    if content is None:
        assert response.is_stream_consumed, what
        assert not response.content, f"{what} has a body, and the document has none"
        return
    assert content_type in content, f"{what} has the content type {content_type!r}, not one of {list(content)}"
    if content_type == "application/json" and response.is_closed:
        validator = _validator(template, request.method.lower(), response.status_code)
        problems = [f"{error.instance_path}: {error.message[:300]}" for error in validator.iter_errors(response.json())]
        assert not problems, f"{what} does not have the documented form: {problems}"


def resolved(responses: JsonObject, status: int) -> JsonObject | None:
    """Return the documented response with this status."""
    found: JsonObject | None = responses.get(str(status))
    if found is not None and "$ref" in found:
        found = document()["components"]["responses"][found["$ref"].rpartition("/")[-1]]
    return found


@cache
def _validator(template: str, method: str, status: int) -> jsonschema_rs.Draft202012Validator:
    documented = resolved(document()["paths"][template][method]["responses"], status)
    assert documented is not None
    schema = {**documented["content"]["application/json"]["schema"], "components": document()["components"]}
    return jsonschema_rs.Draft202012Validator(schema, validate_formats=True)


@cache
def _patterns() -> list[tuple[re.Pattern[str], str]]:
    """Return the templates and their patterns, those with few parameters first."""
    templates = sorted(document()["paths"], key=lambda template: template.count("{"))
    return [(re.compile(re.sub(r"\{[^}]*\}", "[^/]+", template)), template) for template in templates]


def _template_of(method: str, path: str) -> str | None:
    fitting = [template for pattern, template in _patterns() if pattern.fullmatch(path)]
    return next((template for template in fitting if method in document()["paths"][template]), None)
