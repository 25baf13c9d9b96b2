"""Routes for resources of a Prefect server that this registry does not support, so that clients get a clear response.

Lists of such resources are empty, reading one answers 404, and creating one answers 501 with the reason.
"""

from http import HTTPStatus
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import Body
from sqlalchemy.orm import Session
from starlette.convertors import Convertor, register_url_convertor

from app.crud.deployments.reading import read_deployment
from app.errors import NotFound, NotSupported
from app.schemas.shared import PageNumber
from app.web.routing import also, make_router

UNSUPPORTED: Final = {
    "flow_runs": "flow runs",
    "flow_run_states": "flow run states",
    "task_runs": "task runs",
    "task_run_states": "task run states",
    "logs": "run logs",
    "block_types": "block types",
    "block_schemas": "block schemas",
    "block_documents": "blocks",
    "block_capabilities": "blocks",
    "variables": "variables",
    "artifacts": "artifacts",
    "automations": "automations",
    "saved_searches": "saved searches",
    "task_workers": "task workers",
    "templates": "automations",
    "slas": "service level agreements",
}
"""The names of the resources for error messages, by the first part of the path."""


class _UnsupportedConvertor(Convertor[str]):
    """Matches the first part of all unsupported paths. One route for all of them makes the start of the API faster."""

    regex = "|".join(UNSUPPORTED)

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor("unsupported", _UnsupportedConvertor())

LIMIT_PATHS: Final = ("/concurrency_limits", "/v2/concurrency_limits")
SLOT_ACTIONS: Final = (
    "increment",
    "decrement",
    "increment-with-lease",
    "decrement-with-lease",
    "leases/{lease_id}/renew",
)

router = make_router(tags=["unsupported"])


@router.post("/deployments/{deployment_id:uuid}/create_flow_run", responses=also(HTTPStatus.NOT_IMPLEMENTED))
def create_run_of_deployment(deployment_id: UUID, session: Session) -> None:
    """Answer 501: the registry does not run deployments."""
    read_deployment(session, deployment_id)
    raise NotSupported("aftercommit is a registry of deployments and does not run them.")


@router.post("/deployments/{deployment_id:uuid}/branch", responses=also(HTTPStatus.NOT_IMPLEMENTED))
def branch_deployment(deployment_id: UUID, session: Session) -> None:
    """Answer 501: the registry does not branch deployments."""
    read_deployment(session, deployment_id)
    raise NotSupported("aftercommit does not branch deployments.")


@router.get("/observed-states")
def list_observed_states() -> list[Any]:
    """List the states that runs were in: none."""
    return []


@router.get("/admin/storage")
def read_default_result_storage() -> dict[str, None]:
    """Return the default block for the results of runs: none."""
    return {"default_result_storage_block_id": None}


@router.put("/admin/storage", responses=also(HTTPStatus.NOT_IMPLEMENTED))
def set_default_result_storage() -> None:
    """Answer 501: the registry has no blocks for the results of runs."""
    raise NotSupported("aftercommit has no blocks.")


@router.delete("/admin/storage", responses=also(HTTPStatus.NOT_IMPLEMENTED))
def clear_default_result_storage() -> None:
    """Answer 501: the registry has no blocks for the results of runs."""
    raise NotSupported("aftercommit has no blocks.")


@router.get("/admin/settings")
def read_server_settings() -> dict[str, dict[str, Any]]:
    """Return the settings that tell Prefect's client and pages to send no statistics and to show no promotions."""
    return {"server": {"analytics_enabled": False, "ui": {"show_promotional_content": False}}}


_unsupported = make_router("/{kind:unsupported}", include_in_schema=False)


@_unsupported.get("/")
@_unsupported.post("/filter")
@_unsupported.post("/latest/filter")
@_unsupported.post("/history")
@_unsupported.post("/{id}/input/filter")
def list_unsupported() -> list[Any]:
    """Return an empty list."""
    return []


@_unsupported.post("/count")
@_unsupported.post("/latest/count")
def count_unsupported() -> int:
    """Return 0."""
    return 0


@_unsupported.post("/paginate")
def page_unsupported(page: Annotated[PageNumber, Body(default_factory=PageNumber)]) -> dict[str, Any]:
    """Return an empty page."""
    return {"results": [], "count": 0, "limit": page.limit, "pages": 0, "page": page.page}


@_unsupported.post("/")
def create_unsupported(kind: str) -> None:
    """Answer 501."""
    raise NotSupported(f"aftercommit has no {UNSUPPORTED[kind]}.")


@_unsupported.api_route("/{rest:path}", methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
def read_unsupported(kind: str) -> None:
    """Answer 404."""
    raise NotFound(f"aftercommit has no {UNSUPPORTED[kind]}.")


router.routes += _unsupported.routes


def _refuse_slots() -> None:
    raise NotSupported("aftercommit stores concurrency limits, but does not assign slots: nothing runs here.")


for _path in LIMIT_PATHS:
    for _action in SLOT_ACTIONS:
        router.post(f"{_path}/{_action}", include_in_schema=False)(_refuse_slots)
