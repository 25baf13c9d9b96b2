"""A refused request is freed as soon as it is answered: nothing of it waits for the next garbage collection.

The collector of the API runs seldom, because requests leave no reference cycles. An exception that a function stores
in a variable refers to the function's frame, which refers to the exception, and so the request would stay in memory.
"""

import gc
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from sqlalchemy.exc import SQLAlchemyError

from app.crud.deployments.check_budget import OutOfWork
from app.errors import AppError
from app.long_checks import LongCheck
from tests.integration.serving import Served
from tests.integration.web.test_long_checks import ENDLESS_SCHEMA, LARGE_SCHEMA

REFUSALS = (AppError, LongCheck, OutOfWork, RequestValidationError, ValidationError, SQLAlchemyError)


@pytest.fixture
def errors_before() -> Iterator[set[int]]:
    """The errors that earlier tests keep. No garbage is collected during the test."""
    gc.collect()
    gc.disable()
    try:
        yield set(errors_in_memory())
    finally:
        gc.enable()


def errors_in_memory() -> dict[int, str]:
    """Return the types of the errors that are in memory, by their ids."""
    return {id(entry): type(entry).__name__ for entry in gc.get_objects() if isinstance(entry, REFUSALS)}


def deployment(flow: str, **fields: Any) -> dict[str, Any]:
    return {"name": "d", "flow_id": flow, "enforce_parameter_schema": True, "parameters": {"p1": 1}, **fields}


@pytest.mark.parametrize(
    ("path", "fields", "status"),
    [
        ("/flows/", {"name": "a/b"}, 422),
        ("/flows/filter", {"limit": 1000}, 422),
        ("/flows/filter", {"flows": {"id": {"any_": [1] * 2000}}}, 422),
        ("/work_pools/none/queues", {"name": "q"}, 404),
        ("/deployments/", {"parameter_openapi_schema": ENDLESS_SCHEMA}, 422),
        ("/deployments/", {"parameter_openapi_schema": LARGE_SCHEMA}, 422),
        ("/deployments/", {"parameter_openapi_schema": LARGE_SCHEMA, "parameters": {"p1": "text"}}, 201),
        ("/deployments/", {"work_pool_name": "none"}, 404),
        ("/events", [{"id": 1}], 422),
        ("/events/filter", {"filter": {"id": {"id": ["x"] * 2000}}}, 422),
    ],
)
def test_a_refused_request_is_freed(
    path: str, fields: Any, status: int, served: Served, errors_before: set[int]
) -> None:
    body = fields
    if path == "/deployments/":
        body = deployment(served.client.post("/flows/", json={"name": "etl"}).json()["id"], **fields)
    assert served.client.post(path, json=body).status_code == status
    # The next request has the thread of the last one, which has freed everything by then.
    assert served.client.get("/health").status_code == 200
    assert [name for error, name in errors_in_memory().items() if error not in errors_before] == []
