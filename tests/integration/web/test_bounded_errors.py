"""Every list in a request has a bound, and no response lists errors without a bound."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient

from app.schemas.bodies import OBJECT_KEYS
from app.schemas.bounds import LISTED_ERRORS

RESPONSE_BYTES = 8_000
MANY = 3_000


def bodies(client: TestClient) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Return method, path and JSON Schema of every request body in the OpenAPI document."""
    document = client.app.openapi()  # type: ignore[attr-defined]  # Starlette does not know FastAPI's method.
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            for content in operation.get("requestBody", {}).get("content", {}).values():
                yield method, path, {**content["schema"], "components": document["components"]}


def resolved(schema: dict[str, Any], root: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in schema:
        return schema
    found: dict[str, Any] = root["components"]["schemas"][schema["$ref"].rsplit("/", 1)[-1]]
    return found


def parts(schema: dict[str, Any], root: dict[str, Any], seen: frozenset[str] = frozenset()) -> Iterator[dict[str, Any]]:
    """Return the schema and all schemas inside it."""
    if (reference := schema.get("$ref", "")) in seen:
        return
    inside = resolved(schema, root)
    yield inside
    below = [*inside.get("anyOf", []), *inside.get("properties", {}).values(), inside.get("items")]
    below += [inside.get("additionalProperties"), *inside.get("prefixItems", [])]
    for part in below:
        if isinstance(part, dict):
            yield from parts(part, root, seen | {reference} if reference else seen)


def test_every_list_in_a_request_body_has_a_maximum_length(client: TestClient) -> None:
    unbounded = {
        f"{method} {path}: {part.get('title')}"
        for method, path, schema in bodies(client)
        for part in parts(schema, schema)
        if part.get("type") == "array" and "maxItems" not in part
    }
    assert unbounded == set()


def filled(path: str) -> str:
    return path.replace("{countable}", "event").replace("{", "").replace("}", "")


def wrong_values() -> dict[str, Any]:
    return {
        "many numbers": [1] * MANY,
        "many unknown keys": {f"k{number}": 1 for number in range(MANY)},
        "one long unknown key": {"k" * 200_000: 1},
        "a deep list": json.loads("[" * 90 + "]" * 90),
        "text": "x" * 200_000,
    }


@pytest.mark.parametrize("name", wrong_values())
def test_a_body_with_many_errors_gets_a_short_response(name: str, client: TestClient) -> None:
    value = wrong_values()[name]
    for method, path, schema in bodies(client):
        whole = resolved(schema, schema)
        fields = [key for part in parts(whole, schema) for key in part.get("properties", {})][:40]
        for body in (value, *({field: value} for field in fields)):
            response = client.request(method, filled(path), json=body)
            assert response.status_code < 500 or response.status_code == 501, f"{method} {path}"
            if not response.is_success:
                assert len(response.content) < RESPONSE_BYTES, f"{method} {path}: {len(response.content)}"


def test_of_many_errors_only_the_first_are_listed_and_the_rest_are_counted(client: TestClient) -> None:
    body = {"name": "x", **{f"k{number}": number for number in range(60)}}
    listed = client.post("/flows/", json=body).json()["exception_detail"]
    assert len(listed) == LISTED_ERRORS + 1
    assert listed[-1]["msg"] == "40 more errors are not listed."


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/flows/filter", {"flows": {"id": {"any_": [1] * MANY}}}),
        ("/deployments/filter", {"deployments": {"tags": {"all_": ["x"] * MANY}}}),
        ("/deployments/", {"schedules": [0] * MANY}),
        ("/flows/", {"name": "x", "labels": {str(number): [] for number in range(OBJECT_KEYS + 1)}}),
        ("/events", [0] * MANY),
        ("/events/filter", {"filter": {"resource": {"labels": {str(number): 1 for number in range(MANY)}}}}),
    ],
)
def test_too_many_entries_in_a_list_are_one_error(path: str, body: Any, client: TestClient) -> None:
    response = client.post(path, json=body)
    assert response.status_code == 422
    assert len(response.json()["exception_detail"]) <= 4
