"""Deletes flows, work pools, work queues and concurrency limits, and changes the deployments that refer to them.

Each function first locks its rows FOR UPDATE. A transaction that writes a reference to such a row then waits in its
foreign-key check. So the next statement sees every deployment that refers to the row, and no new reference can appear.
Of concurrent deletions, one finds the row and the others do not. Locks are taken in the order flow, pool, queue, limit,
deployment, and by id within each of these.

Foreign keys force dependent rows to be written before the row that they refer to is deleted. The deletion nevertheless
gets the time of the lock as `occurred`, so that no effect occurs before its cause.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, RowMapping, select
from sqlalchemy.orm import Session

from app.capture.kind_classes import ResourceKind
from app.capture.kinds import CONCURRENCY_LIMIT, FLOW, WORK_POOL, WORK_QUEUE
from app.capture.row_changes import delete_rows, time_of_change
from app.capture.snapshot import Change
from app.crud import flows
from app.crud.deployments import cascades as deployment_cascades
from app.crud.filters import flow_condition, has_conditions, is_any_of
from app.crud.limits import concurrency_limits
from app.crud.work_pools import pools as work_pools
from app.crud.work_pools import queues as work_queues
from app.crud.work_pools import workers as pool_workers
from app.crud.work_pools.queue_order import lock_pool
from app.errors import Conflict, InvalidRequest, NotFound
from app.models import ConcurrencyLimit, Flow, WorkPool, WorkQueue
from app.outbox.record import record
from app.schemas.filters import FlowFilter


def delete_flow(session: Session, flow_id: UUID) -> None:
    """Delete the flow and its deployments.

    Raises:
        NotFound: the flow does not exist, or another request deleted it first.
    """
    if not _delete_flows(session, Flow.id == flow_id):
        raise NotFound(flows.NOT_FOUND)


def delete_flows(session: Session, wanted: FlowFilter | None, limit: int) -> list[UUID]:
    """Delete at most `limit` matching flows, the first by name, and their deployments.

    Returns:
        The ids of the flows that this call deleted, ordered by id, without those that another request deleted first.

    Raises:
        InvalidRequest: the filter has no condition, so it would match every flow.
    """
    if wanted is None or not has_conditions(wanted):
        raise InvalidRequest("The filter `flows` must have a condition. Without one, it matches every flow.")
    condition = flow_condition(wanted)
    ids = session.scalars(select(Flow.id).where(condition).order_by(Flow.name, Flow.id).limit(limit)).all()
    return _delete_flows(session, is_any_of(Flow.id, ids) & condition)


def delete_work_pool(session: Session, name: str) -> None:
    """Delete the work pool and its queues. Deployments that used them stay, without a queue.

    Raises:
        NotAllowed: the name is reserved.
        NotFound: the pool does not exist, or another request deleted it first.
    """
    work_pools.refuse_reserved_name(name)
    pools = _lock(session, WORK_POOL, WorkPool.name == name)
    if not pools:
        raise NotFound(work_pools.NOT_FOUND)
    pool = pools[0]
    queues = _lock(session, WORK_QUEUE, WorkQueue.work_pool_id == pool["id"])
    queues_deleted = time_of_change(session, queues)
    pool_deleted = time_of_change(session, pools, queues_deleted)
    cleared = deployment_cascades.clear_queues(session, [queue["id"] for queue in queues], pool_deleted)
    pool_workers.delete_workers_of_pool(session, pool["id"])
    deleted = [*_delete(session, WORK_QUEUE, queues, queues_deleted), *_delete(session, WORK_POOL, pools, pool_deleted)]
    default_queue_id = next(queue["id"] for queue in queues if queue["is_default"])
    record(session, [*deleted[:-1], work_pools.with_related(deleted[-1], default_queue_id), *cleared])


def delete_work_queue(session: Session, queue_id: UUID) -> None:
    """Delete the work queue. Deployments that used it stay, without a queue.

    Raises:
        Conflict: the queue is the default queue of its pool.
        NotFound: the queue does not exist, or another request deleted it first.
    """
    # While the pool is locked, `resolve_queue` cannot find a queue in it that is about to be deleted.
    lock_pool(session, WorkPool.id == work_queues.read_work_queue(session, queue_id).queue.work_pool_id)
    queues = _lock(session, WORK_QUEUE, WorkQueue.id == queue_id)
    if not queues:
        raise NotFound(work_queues.NOT_FOUND)
    if queues[0]["is_default"]:
        raise Conflict("A work pool's default queue cannot be deleted.")
    when = time_of_change(session, queues)
    cleared = deployment_cascades.clear_queues(session, [queue_id], when)
    record(session, [*_delete(session, WORK_QUEUE, queues, when), *cleared])


def delete_concurrency_limit(session: Session, id_or_name: str) -> None:
    """Delete the concurrency limit. Deployments that used it stay, without a limit.

    Raises:
        NotFound: the limit does not exist, or another request deleted it first.
    """
    limit_id = concurrency_limits.read_concurrency_limit(session, id_or_name).id
    limits = _lock(session, CONCURRENCY_LIMIT, ConcurrencyLimit.id == limit_id)
    if not limits:
        raise NotFound(concurrency_limits.NOT_FOUND)
    when = time_of_change(session, limits)
    cleared = deployment_cascades.clear_limit(session, limit_id, when)
    record(session, [*_delete(session, CONCURRENCY_LIMIT, limits, when), *cleared])


def _delete_flows(session: Session, where: ColumnElement[bool]) -> list[UUID]:
    rows = _lock(session, FLOW, where)
    ids = [row["id"] for row in rows]
    if ids:
        when = time_of_change(session, rows)
        deleted = deployment_cascades.delete_deployments_of_flows(session, ids, when)
        record(session, [*_delete(session, FLOW, rows, when), *deleted])
    return ids


def _lock(session: Session, kind: ResourceKind, where: ColumnElement[bool]) -> Sequence[RowMapping]:
    table = kind.table
    return session.execute(select(table).where(where).order_by(table.c.id).with_for_update()).mappings().all()


def _delete(session: Session, kind: ResourceKind, rows: Sequence[RowMapping], when: datetime) -> list[Change]:
    """Delete these locked rows after the rows that refer to them. `when` is the time at which the deletion occurs."""
    return delete_rows(session, kind, is_any_of(kind.table.c.id, [row["id"] for row in rows]), at=when)
