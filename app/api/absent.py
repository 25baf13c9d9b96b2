"""Answers for what a Prefect server has and this registry does not, so that the client can say something sensible.

A list of it is empty, one of it is not found (404), and making one is refused (501) with the reason.
"""

from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import Body
from sqlalchemy.orm import Session
from starlette.convertors import Convertor, register_url_convertor

from app.crud.deployments.reading import read_deployment
from app.errors import NotFound, NotOffered
from app.schemas.shared import PageNumber
from app.web.routing import make_router

ABSENT: Final = {
    "flow_runs": "flow runs",
    "flow_run_states": "states of flow runs",
    "task_runs": "task runs",
    "task_run_states": "states of task runs",
    "logs": "logs of runs",
    "block_types": "block types",
    "block_schemas": "block schemas",
    "block_documents": "blocks",
    "block_capabilities": "blocks",
    "variables": "variables",
    "artifacts": "artifacts",
    "automations": "automations",
    "saved_searches": "saved searches",
    "task_workers": "workers of tasks",
    "templates": "automations",
    "slas": "service level agreements",
}
"""By the first part of the path."""


class _Absent(Convertor[str]):
    """Lets one route stand for all of them: it makes a start shorter by as many as there are."""

    regex = "|".join(ABSENT)

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor("absent", _Absent())

CONCURRENCY: Final = ("/concurrency_limits", "/v2/concurrency_limits")
SLOTS: Final = ("increment", "decrement", "increment-with-lease", "decrement-with-lease", "leases/{lease_id}/renew")

router = make_router(tags=["not offered"])


@router.post("/deployments/{deployment_id}/create_flow_run")
def create_run_of_deployment(deployment_id: UUID, session: Session) -> None:
    """Refuse to run a deployment."""
    read_deployment(session, deployment_id)
    raise NotOffered("aftercommit is a registry of deployments and does not run them.")


@router.post("/deployments/{deployment_id}/branch")
def branch_deployment(deployment_id: UUID, session: Session) -> None:
    """Refuse to branch a deployment."""
    read_deployment(session, deployment_id)
    raise NotOffered("aftercommit does not branch deployments.")


@router.get("/admin/storage")
def read_default_result_storage() -> dict[str, None]:
    """Tell that no block stores the results of runs by default."""
    return {"default_result_storage_block_id": None}


@router.put("/admin/storage")
@router.delete("/admin/storage")
def change_default_result_storage() -> None:
    """Refuse to name a block for the results of runs."""
    raise NotOffered("aftercommit has no blocks.")


@router.get("/admin/settings")
def read_server_settings() -> dict[str, dict[str, bool]]:
    """Tell what a client asks for before it sends news of itself to Prefect: that it shall not."""
    return {"server": {"analytics_enabled": False}}


_lists = make_router("/{kind:absent}", include_in_schema=False)


@_lists.get("/")
@_lists.post("/filter")
@_lists.post("/latest/filter")
@_lists.post("/history")
@_lists.post("/{one}/input/filter")
def list_none() -> list[Any]:
    """List nothing."""
    return []


@_lists.post("/count")
@_lists.post("/latest/count")
def count_none() -> int:
    """Count nothing."""
    return 0


@_lists.post("/paginate")
def page_none(page: Annotated[PageNumber, Body(default_factory=PageNumber)]) -> dict[str, Any]:
    """Give a page of nothing."""
    return {"results": [], "count": 0, "limit": page.limit, "pages": 0, "page": page.page}


@_lists.post("/")
def refuse(kind: str) -> None:
    """Refuse to make one."""
    raise NotOffered(f"aftercommit has no {ABSENT[kind]}.")


@_lists.api_route("/{rest:path}", methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
def find_none(kind: str) -> None:
    """Find nothing, whatever is asked for."""
    raise NotFound(f"aftercommit has no {ABSENT[kind]}.")


router.routes += _lists.routes


def _refuse_slots() -> None:
    raise NotOffered("aftercommit keeps concurrency limits and hands out no slots: nothing runs here.")


for _limits in CONCURRENCY:
    for _change in SLOTS:
        router.post(f"{_limits}/{_change}", include_in_schema=False)(_refuse_slots)
