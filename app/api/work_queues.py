"""The work queue routes: below their pool, by their id, and for the queues that were created without a pool."""

from http import HTTPStatus
from typing import Annotated, Any
from uuid import UUID

from fastapi import Body
from sqlalchemy.orm import Session

from app.crud import deletions
from app.crud.work_pools import queues as work_queues
from app.crud.work_pools.pools import AGENT_POOL
from app.schemas.shared import PathName
from app.schemas.work_queues import (
    WorkQueueCreate,
    WorkQueueHealth,
    WorkQueueQuery,
    WorkQueueResponse,
    WorkQueueUpdate,
)
from app.web.deps import SettingsDep
from app.web.routing import make_router

router = make_router(tags=["work queues"])

QueryBody = Annotated[WorkQueueQuery, Body(default_factory=WorkQueueQuery)]


@router.post("/work_pools/{pool}/queues", status_code=HTTPStatus.CREATED)
def create_queue_of_pool(pool: PathName, body: WorkQueueCreate, session: Session) -> WorkQueueResponse:
    """Create a work queue in the pool."""
    return WorkQueueResponse.of(*work_queues.create_work_queue(session, pool, body.column_values()))


@router.post("/work_queues/", status_code=HTTPStatus.CREATED)
def create_work_queue(body: WorkQueueCreate, session: Session) -> WorkQueueResponse:
    """Create a work queue in the agents' pool, which is created when it is missing."""
    return WorkQueueResponse.of(*work_queues.create_work_queue(session, None, body.column_values()))


@router.post("/work_pools/{pool}/queues/filter")
def list_queues_of_pool(pool: PathName, session: Session, query: QueryBody) -> list[WorkQueueResponse]:
    """List the work queues of the pool that match, by priority."""
    found = work_queues.list_queues_of_pool(session, pool, query.work_queues, limit=query.limit, offset=query.offset)
    return [WorkQueueResponse.of(*queue) for queue in found]


@router.post("/work_queues/filter")
def list_work_queues(session: Session, query: QueryBody) -> list[WorkQueueResponse]:
    """List the work queues of all pools that match, by name."""
    found = work_queues.list_work_queues(session, query.work_queues, limit=query.limit, offset=query.offset)
    return [WorkQueueResponse.of(*queue) for queue in found]


@router.get("/work_pools/{pool}/queues/{name}")
def read_queue_of_pool(pool: PathName, name: PathName, session: Session) -> WorkQueueResponse:
    """Return the work queue of that name in the pool."""
    return WorkQueueResponse.of(*work_queues.read_work_queue_by_name(session, pool, name))


@router.patch("/work_pools/{pool}/queues/{name}", status_code=HTTPStatus.NO_CONTENT)
def update_queue_of_pool(pool: PathName, name: PathName, body: WorkQueueUpdate, session: Session) -> None:
    """Change the fields that the body names."""
    queue, _ = work_queues.read_work_queue_by_name(session, pool, name)
    work_queues.update_work_queue(session, queue.id, body.column_values())


@router.delete("/work_pools/{pool}/queues/{name}", status_code=HTTPStatus.NO_CONTENT)
def delete_queue_of_pool(pool: PathName, name: PathName, session: Session) -> None:
    """Delete the work queue; deployments that used it live on without one."""
    queue, _ = work_queues.read_work_queue_by_name(session, pool, name)
    deletions.delete_work_queue(session, queue.id)


@router.get("/work_queues/name/{name}")
def read_work_queue_by_name(name: PathName, session: Session) -> WorkQueueResponse:
    """Return the work queue of that name in the agents' pool."""
    return WorkQueueResponse.of(*work_queues.read_work_queue_by_name(session, AGENT_POOL, name))


@router.get("/work_queues/{queue_id}")
def read_work_queue(queue_id: UUID, session: Session) -> WorkQueueResponse:
    """Return the work queue of that id."""
    return WorkQueueResponse.of(*work_queues.read_work_queue(session, queue_id))


@router.get("/work_queues/{queue_id}/status")
def read_work_queue_status(queue_id: UUID, session: Session, settings: SettingsDep) -> WorkQueueHealth:
    """Tell whether somebody polls the work queue."""
    queue, _ = work_queues.read_work_queue(session, queue_id)
    return WorkQueueHealth.of(queue, settings.readiness_silence)


@router.post("/work_queues/{queue_id}/get_runs")
def list_runs(queue_id: UUID, session: Session) -> list[dict[str, Any]]:
    """List the runs that an agent should start: there are none."""
    work_queues.read_work_queue(session, queue_id)
    return []


@router.patch("/work_queues/{queue_id}", status_code=HTTPStatus.NO_CONTENT)
def update_work_queue(queue_id: UUID, body: WorkQueueUpdate, session: Session) -> None:
    """Change the fields that the body names."""
    work_queues.update_work_queue(session, queue_id, body.column_values())


@router.delete("/work_queues/{queue_id}", status_code=HTTPStatus.NO_CONTENT)
def delete_work_queue(queue_id: UUID, session: Session) -> None:
    """Delete the work queue; deployments that used it live on without one."""
    deletions.delete_work_queue(session, queue_id)
