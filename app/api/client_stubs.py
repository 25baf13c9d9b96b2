"""Routes that Prefect's client calls during other commands, although the registry has nothing to return.

The registry has no automations, and the worker types are a fixed list.
"""

from http import HTTPStatus
from typing import Any

from app.postgres.base import JsonObject
from app.schemas.shared import PathName
from app.schemas.worker_types import worker_types
from app.web.routing import make_router

router = make_router(tags=["client stubs"])


@router.get("/collections/views/aggregate-worker-metadata")
def read_worker_types() -> JsonObject:
    """Return the worker types for which a work pool can be created."""
    return worker_types()


@router.delete("/automations/owned-by/{resource_id}", status_code=HTTPStatus.ACCEPTED)
def delete_automations(resource_id: PathName) -> None:
    """Accept the deletion of the automations that the resource owns: there are none."""


@router.get("/automations/related-to/{resource_id}")
def list_automations(resource_id: PathName) -> list[dict[str, Any]]:  # noqa: ARG001  # There are no automations.
    """List the automations that are related to the resource: there are none."""
    return []
