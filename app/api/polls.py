"""The routes that workers call: heartbeats, and polls for runs. Nothing runs here, so polls return no runs."""

from dataclasses import replace
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Body
from sqlalchemy.orm import Session

from app.capture.attribution import acting_as, attribution
from app.crud.work_pools import polls
from app.crud.work_pools import workers as pool_workers
from app.crud.work_pools.workers import WorkerView
from app.schemas.pool_workers import DeploymentPoll, Heartbeat, PoolPoll, WorkerQuery, WorkerResponse, WorkerStatus
from app.schemas.shared import PathName
from app.web.routing import make_router

router = make_router(tags=["workers"])


@router.post("/work_pools/{name}/workers/heartbeat", status_code=HTTPStatus.NO_CONTENT)
def record_heartbeat(name: PathName, body: Heartbeat, session: Session) -> None:
    """Record a heartbeat of a worker of the pool."""
    with acting_as(replace(attribution.get(), worker=body.name)):
        pool_workers.record_heartbeat(session, name, body)


@router.post("/work_pools/{name}/workers/filter")
def list_workers(
    name: PathName, session: Session, query: Annotated[WorkerQuery, Body(default_factory=WorkerQuery)]
) -> list[WorkerResponse]:
    """List the workers of the pool that match, the most recent heartbeat first."""
    workers = pool_workers.list_workers(session, name, query.workers, limit=query.limit, offset=query.offset)
    return [_worker_response(worker) for worker in workers]


@router.delete("/work_pools/{name}/workers/{worker}", status_code=HTTPStatus.NO_CONTENT)
def delete_worker(name: PathName, worker: PathName, session: Session) -> None:
    """Delete a worker of the pool. Its next heartbeat adds it again."""
    pool_workers.delete_worker(session, name, worker)


@router.post("/work_pools/{name}/get_scheduled_flow_runs")
def list_runs_of_pool(
    name: PathName, session: Session, poll: Annotated[PoolPoll, Body(default_factory=PoolPoll)]
) -> list[dict[str, Any]]:
    """Record the poll of a worker of the pool, and return the runs that it should start: none.

    A preview (`scheduled_before` more than half an hour ahead) is not recorded.
    """
    polls.record_poll_of_pool(session, name, poll.work_queue_names, is_preview=poll.is_preview)
    return []


@router.post("/deployments/get_scheduled_flow_runs")
def list_runs_of_deployments(
    session: Session, poll: Annotated[DeploymentPoll, Body(default_factory=DeploymentPoll)]
) -> list[dict[str, Any]]:
    """Record the poll for these deployments, and return the runs that should start: none."""
    polls.record_poll_of_deployments(session, poll.deployment_ids)
    return []


def _worker_response(view: WorkerView) -> WorkerResponse:
    worker = view.worker
    return WorkerResponse(
        id=worker.id,
        created=worker.created,
        updated=worker.updated,
        name=worker.name,
        work_pool_id=worker.work_pool_id,
        last_heartbeat_time=worker.updated,
        heartbeat_interval_seconds=worker.heartbeat_interval_seconds,
        status=WorkerStatus.ONLINE if view.online else WorkerStatus.OFFLINE,
    )
