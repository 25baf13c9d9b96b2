"""Answers to what Prefect's client asks on its way although the registry has no such thing.

It has no automations and knows no worker types of its own; the client needs to be told so.
"""

from http import HTTPStatus
from typing import Any

from app.postgres.engine import JsonObject
from app.schemas.shared import PathName
from app.schemas.worker_types import worker_types
from app.web.routing import make_router

router = make_router(tags=["client courtesy"])


@router.get("/collections/views/aggregate-worker-metadata")
def read_worker_types() -> JsonObject:
    """Return the worker types that a work pool can be created for."""
    return worker_types()


@router.delete("/automations/owned-by/{resource_id}", status_code=HTTPStatus.ACCEPTED)
def delete_automations(resource_id: PathName) -> None:
    """Delete the automations that the resource owns: there are none."""


@router.get("/automations/related-to/{resource_id}")
def list_automations(resource_id: PathName) -> list[dict[str, Any]]:  # noqa: ARG001  # Nothing is related to anything.
    """List the automations that are related to the resource: there are none."""
    return []
