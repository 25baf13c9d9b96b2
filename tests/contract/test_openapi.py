"""The OpenAPI document describes everything that it names, and its examples are accepted."""

import json
import re
from collections.abc import Iterator
from http import HTTPStatus
from importlib.metadata import version
from typing import Any, Final

import jsonschema_rs
import pytest
from fastapi.routing import APIRoute

from app.main import add_routes
from app.web.openapi import DocumentedApi
from app.web.routing import PROBES
from tests.documented import document, resolved

JsonObject = dict[str, Any]

FASTAPIS_OWN: Final = ("HTTPValidationError", "ValidationError")
UNSUPPORTED: Final = {
    "create_run_of_deployment",
    "branch_deployment",
    "set_default_result_storage",
    "clear_default_result_storage",
    "reset_tag_limit",
}
"""The documented operations that answer 501, always or for some bodies."""


def operations() -> Iterator[tuple[str, JsonObject]]:
    """Yield each operation with its method and path."""
    for path, methods in document()["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def schemas_in(part: Any, place: str = "") -> Iterator[tuple[str, JsonObject]]:
    """Yield each object of the document that has properties, with its place."""
    if isinstance(part, dict):
        if isinstance(part.get("properties"), dict):
            yield place, part
        for key, value in part.items():
            yield from schemas_in(value, f"{place}/{key}")
    elif isinstance(part, list):
        for number, value in enumerate(part):
            yield from schemas_in(value, f"{place}/{number}")


def schema_with_examples(schema: JsonObject) -> JsonObject:
    """Return the schema of the component that has the examples of this body."""
    alternatives = [schema, schema.get("items", {}), *schema.get("anyOf", ())]
    name = next(part["$ref"] for part in alternatives if "$ref" in part).rpartition("/")[-1]
    component: JsonObject = document()["components"]["schemas"][name]
    return component


def test_every_property_has_a_description() -> None:
    missing = [
        f"{place}: {name}"
        for place, schema in schemas_in(document())
        for name, value in schema["properties"].items()
        if not value.get("description")
    ]
    assert not missing


def test_every_schema_has_a_description() -> None:
    assert not [name for name, schema in document()["components"]["schemas"].items() if not schema.get("description")]


def test_every_bound_of_a_number_is_a_keyword_of_json_schema() -> None:
    # pydantic writes its own keywords if a bound comes after a validator.
    assert not {"ge", "gt", "le", "lt"} & set(re.findall(r'"(\w+)": -?[\d.]', json.dumps(document())))


def test_every_operation_and_parameter_has_a_description() -> None:
    tags = {tag["name"] for tag in document()["tags"]}
    missing = [
        name
        for name, operation in operations()
        if not operation.get("description")
        or not operation.get("summary")
        or not set(operation["tags"]) <= tags
        or not all(parameter.get("description") for parameter in operation.get("parameters", ()))
    ]
    assert not missing


def test_every_operation_has_a_unique_id() -> None:
    ids = [operation["operationId"] for _, operation in operations()]
    assert len(ids) == len(set(ids))


def test_every_request_body_has_an_example_that_matches_its_schema() -> None:
    bodies = {
        name: schema_with_examples(operation["requestBody"]["content"]["application/json"]["schema"])
        for name, operation in operations()
        if "requestBody" in operation
    }
    assert len(bodies) > 30
    for name, schema in bodies.items():
        assert schema.get("examples"), name
        validator = jsonschema_rs.Draft202012Validator(
            {**schema, "components": document()["components"]}, validate_formats=True
        )
        assert all(validator.is_valid(example) for example in schema["examples"]), name


def routes_with_bodies() -> list[APIRoute]:
    """Return the documented routes whose function takes a body."""
    app = DocumentedApi()
    add_routes(app)
    return [
        route
        for route in app.routes
        if isinstance(route, APIRoute) and route.include_in_schema and route.body_field is not None
    ]


@pytest.mark.parametrize("route", routes_with_bodies(), ids=lambda route: route.name)
def test_the_example_of_a_body_is_accepted_by_its_model(route: APIRoute) -> None:
    assert route.methods is not None
    (method,) = route.methods
    operation = document()["paths"][route.path_format][method.lower()]
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    (example,) = schema_with_examples(schema)["examples"]
    assert route.body_field is not None
    _, problems = route.body_field.validate([example] if schema.get("type") == "array" else example)
    assert not problems


def test_every_response_except_204_has_a_described_body_and_none_has_the_form_of_fastapi() -> None:
    for name, operation in operations():
        for status in operation["responses"]:
            response = resolved(operation["responses"], int(status))
            assert response is not None
            has_body = status != str(HTTPStatus.NO_CONTENT.value)
            assert ("content" in response) == has_body, f"{name}: {status}"
    assert not set(FASTAPIS_OWN) & set(document()["components"]["schemas"])


@pytest.mark.parametrize("name", document()["components"]["responses"])
def test_the_example_of_an_error_has_its_form(name: str) -> None:
    content = document()["components"]["responses"][name]["content"]["application/json"]
    schema = {**content["schema"], "components": document()["components"]}
    jsonschema_rs.Draft202012Validator(schema).validate(content["example"])


def test_exactly_the_unsupported_operations_have_501() -> None:
    assert {operation["operationId"] for _, operation in operations() if "501" in operation["responses"]} == UNSUPPORTED


def test_every_operation_except_the_probes_requires_a_credential() -> None:
    schemes = document()["components"]["securitySchemes"]
    assert {scheme["scheme"] for scheme in schemes.values()} == {"basic", "bearer"}
    for name, operation in operations():
        is_open = name.removeprefix("GET ") in PROBES
        assert operation["security"] == ([] if is_open else [{scheme: []} for scheme in schemes]), name
        assert ("401" in operation["responses"]) != is_open, name


def test_the_version_is_that_of_the_package() -> None:
    assert document()["info"]["version"] == version("aftercommit")
