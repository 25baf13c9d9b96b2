"""Deletes flows, work pools, work queues and concurrency limits, and changes the deployments that referred to them.

Each function locks its rows FOR UPDATE first. That holds up the foreign-key check of any deployment that is being
written with a reference to them, so the next statement sees every deployment that refers to them, and no other can
come. Of concurrent deletions one finds the row and the others do not. Locks are taken in the order
flow, pool, queue, limit, deployment, and by id within each.

What refers to a row is written before that row's own deletion, which occurred earlier all the same, at the moment of
the lock: no event tells an effect before its cause.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, RowMapping, select
from sqlalchemy.orm import Session

from app.capture.kinds import CONCURRENCY_LIMIT, FLOW, WORK_POOL, WORK_QUEUE
from app.capture.resource_kind import ResourceKind
from app.capture.snapshot import Change
from app.capture.statements import table_of
from app.capture.tracked import delete_rows, moment
from app.crud import flows
from app.crud.deployments import cascades as deployment_cascades
from app.crud.filters import flow_condition, one_of, restricts
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
        NotFound: there is no such flow, or another request deleted it first.
    """
    if not _delete_flows(session, Flow.id == flow_id):
        raise NotFound(flows.NOT_FOUND)


def delete_flows(session: Session, wanted: FlowFilter | None, limit: int) -> list[UUID]:
    """Delete up to `limit` flows that match, the first by name, and their deployments.

    Returns:
        The ids of the flows that this call deleted, by id; a flow that another request deleted first is not among them.

    Raises:
        InvalidRequest: no condition is given, which would delete whatever flows come first.
    """
    if wanted is None or not restricts(wanted):
        raise InvalidRequest("The flows to delete are not named: the filter `flows` must state a condition.")
    condition = flow_condition(wanted)
    ids = session.scalars(select(Flow.id).where(condition).order_by(Flow.name, Flow.id).limit(limit)).all()
    return _delete_flows(session, one_of(Flow.id, ids) & condition)


def delete_work_pool(session: Session, name: str) -> None:
    """Delete the work pool and its queues; the deployments that used them live on without a queue.

    Raises:
        NotAllowed: the name is reserved.
        NotFound: there is no such pool, or another request deleted it first.
    """
    work_pools.refuse_reserved_name(name)
    pools = _lock(session, WORK_POOL, WorkPool.name == name)
    if not pools:
        raise NotFound(work_pools.NOT_FOUND)
    pool = pools[0]
    queues = _lock(session, WORK_QUEUE, WorkQueue.work_pool_id == pool["id"])
    of_queues = moment(session, queues)
    of_pool = moment(session, pools, of_queues)
    cleared = deployment_cascades.clear_queues(session, [queue["id"] for queue in queues], of_pool)
    pool_workers.forget_workers(session, pool["id"])
    deleted = [*_delete(session, WORK_QUEUE, queues, of_queues), *_delete(session, WORK_POOL, pools, of_pool)]
    default_queue_id = next(queue["id"] for queue in queues if queue["is_default"])
    record(session, [*deleted[:-1], work_pools.with_related(deleted[-1], default_queue_id), *cleared])


def delete_work_queue(session: Session, queue_id: UUID) -> None:
    """Delete the work queue; the deployments that used it live on without one.

    Raises:
        Conflict: it is its pool's default queue.
        NotFound: there is no such queue, or another request deleted it first.
    """
    # With the pool locked, `resolve_queue` never finds a queue there that is about to go.
    lock_pool(session, WorkPool.id == work_queues.read_work_queue(session, queue_id).queue.work_pool_id)
    queues = _lock(session, WORK_QUEUE, WorkQueue.id == queue_id)
    if not queues:
        raise NotFound(work_queues.NOT_FOUND)
    if queues[0]["is_default"]:
        raise Conflict("A work pool's default queue cannot be deleted.")
    when = moment(session, queues)
    cleared = deployment_cascades.clear_queues(session, [queue_id], when)
    record(session, [*_delete(session, WORK_QUEUE, queues, when), *cleared])


def delete_concurrency_limit(session: Session, id_or_name: str) -> None:
    """Delete the concurrency limit; the deployments that shared it live on without one.

    Raises:
        NotFound: there is no such limit, or another request deleted it first.
    """
    limit_id = concurrency_limits.read_concurrency_limit(session, id_or_name).id
    limits = _lock(session, CONCURRENCY_LIMIT, ConcurrencyLimit.id == limit_id)
    if not limits:
        raise NotFound(concurrency_limits.NOT_FOUND)
    when = moment(session, limits)
    cleared = deployment_cascades.clear_limit(session, limit_id, when)
    record(session, [*_delete(session, CONCURRENCY_LIMIT, limits, when), *cleared])


def _delete_flows(session: Session, where: ColumnElement[bool]) -> list[UUID]:
    rows = _lock(session, FLOW, where)
    ids = [row["id"] for row in rows]
    if ids:
        when = moment(session, rows)
        deleted = deployment_cascades.delete_deployments_of_flows(session, ids, when)
        record(session, [*_delete(session, FLOW, rows, when), *deleted])
    return ids


def _lock(session: Session, kind: ResourceKind, where: ColumnElement[bool]) -> Sequence[RowMapping]:
    table = table_of(kind)
    return session.execute(select(table).where(where).order_by(table.c.id).with_for_update()).mappings().all()


def _delete(session: Session, kind: ResourceKind, rows: Sequence[RowMapping], when: datetime) -> list[Change]:
    """Delete these locked rows. It comes last, since others refer to them, and occurred at the time given before."""
    return delete_rows(session, kind, one_of(table_of(kind).c.id, [row["id"] for row in rows]), at=when)
