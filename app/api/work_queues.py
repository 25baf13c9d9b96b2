"""The routes of work queues: by pool and name, by id, and for queues that were created without a pool."""

from http import HTTPStatus
from typing import Annotated, Any
from uuid import UUID

from fastapi import Body
from sqlalchemy.orm import Session

from app.crud import deletions
from app.crud.work_pools import queues as work_queues
from app.crud.work_pools.pools import AGENT_POOL
from app.schemas.shared import PathName
from app.schemas.work_queues import WorkQueueCreate, WorkQueueHealth, WorkQueueQuery, WorkQueueResponse, WorkQueueUpdate
from app.web.dependencies import SettingsDep
from app.web.routing import make_router

router = make_router(tags=["work queues"])

QueryBody = Annotated[WorkQueueQuery, Body(default_factory=WorkQueueQuery)]


@router.post("/work_pools/{pool}/queues", status_code=HTTPStatus.CREATED)
def create_queue_of_pool(pool: PathName, body: WorkQueueCreate, session: Session) -> WorkQueueResponse:
    """Create a work queue in the pool."""
    return WorkQueueResponse.of(*work_queues.create_work_queue(session, pool, body.column_values()))


@router.post("/work_queues/", status_code=HTTPStatus.CREATED)
def create_work_queue(body: WorkQueueCreate, session: Session) -> WorkQueueResponse:
    """Create a work queue in the agents' pool. The pool is created if it does not exist."""
    return WorkQueueResponse.of(*work_queues.create_work_queue(session, None, body.column_values()))


@router.post("/work_pools/{pool}/queues/filter")
def list_queues_of_pool(pool: PathName, session: Session, query: QueryBody) -> list[WorkQueueResponse]:
    """List the work queues of the pool that match, ordered by priority."""
    views = work_queues.list_queues_of_pool(session, pool, query.work_queues, limit=query.limit, offset=query.offset)
    return [WorkQueueResponse.of(*view) for view in views]


@router.post("/work_queues/filter")
def list_work_queues(session: Session, query: QueryBody) -> list[WorkQueueResponse]:
    """List the work queues of all pools that match, ordered by name."""
    views = work_queues.list_work_queues(session, query.work_queues, limit=query.limit, offset=query.offset)
    return [WorkQueueResponse.of(*view) for view in views]


@router.get("/work_pools/{pool}/queues/{name}")
def read_queue_of_pool(pool: PathName, name: PathName, session: Session) -> WorkQueueResponse:
    """Return the work queue with this name in the pool."""
    return WorkQueueResponse.of(*work_queues.read_work_queue_by_name(session, pool, name))


@router.patch("/work_pools/{pool}/queues/{name}", status_code=HTTPStatus.NO_CONTENT)
def update_queue_of_pool(pool: PathName, name: PathName, body: WorkQueueUpdate, session: Session) -> None:
    """Update the fields that the body contains."""
    queue, _ = work_queues.read_work_queue_by_name(session, pool, name)
    work_queues.update_work_queue(session, queue.id, body.column_values())


@router.delete("/work_pools/{pool}/queues/{name}", status_code=HTTPStatus.NO_CONTENT)
def delete_queue_of_pool(pool: PathName, name: PathName, session: Session) -> None:
    """Delete the work queue. Deployments that use it are kept, without a work queue."""
    queue, _ = work_queues.read_work_queue_by_name(session, pool, name)
    deletions.delete_work_queue(session, queue.id)


@router.get("/work_queues/name/{name}")
def read_work_queue_by_name(name: PathName, session: Session) -> WorkQueueResponse:
    """Return the work queue with this name in the agents' pool."""
    return WorkQueueResponse.of(*work_queues.read_work_queue_by_name(session, AGENT_POOL, name))


@router.get("/work_queues/{queue_id:uuid}")
def read_work_queue(queue_id: UUID, session: Session) -> WorkQueueResponse:
    """Return the work queue with this id."""
    return WorkQueueResponse.of(*work_queues.read_work_queue(session, queue_id))


@router.get("/work_queues/{queue_id:uuid}/status")
def read_work_queue_status(queue_id: UUID, session: Session, settings: SettingsDep) -> WorkQueueHealth:
    """Return whether the work queue is healthy, which means that it was polled recently."""
    queue, _ = work_queues.read_work_queue(session, queue_id)
    return WorkQueueHealth.of(queue, settings.readiness_silence)


@router.post("/work_queues/{queue_id:uuid}/get_runs")
def list_runs(queue_id: UUID, session: Session) -> list[dict[str, Any]]:
    """Return the runs that an agent should start: none."""
    work_queues.read_work_queue(session, queue_id)
    return []


@router.patch("/work_queues/{queue_id:uuid}", status_code=HTTPStatus.NO_CONTENT)
def update_work_queue(queue_id: UUID, body: WorkQueueUpdate, session: Session) -> None:
    """Update the fields that the body contains."""
    work_queues.update_work_queue(session, queue_id, body.column_values())


@router.delete("/work_queues/{queue_id:uuid}", status_code=HTTPStatus.NO_CONTENT)
def delete_work_queue(queue_id: UUID, session: Session) -> None:
    """Delete the work queue. Deployments that use it are kept, without a work queue."""
    deletions.delete_work_queue(session, queue_id)
