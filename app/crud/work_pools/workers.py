"""Stores heartbeats, and lists and deletes the workers of a work pool. A pool with an online worker is ready."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Final, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, and_, delete, false, func, not_, or_, select, true
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.capture.kinds import WORK_POOL
from app.capture.readiness import is_online, refresh_status
from app.crud.work_pools.pools import NOT_FOUND, read_work_pool
from app.errors import NotFound
from app.models import PoolWorker, WorkPool
from app.outbox.record import record
from app.schemas.pool_workers import Heartbeat, WorkerFilter, WorkerStatus

HEARTBEAT_SECONDS: Final = 30
"""The interval between heartbeats if the worker does not send one."""
MISSED_HEARTBEATS: Final = 3
"""The number of intervals without a heartbeat after which a worker is offline."""
DELETED_AFTER: Final = timedelta(days=7)
"""How long after going offline a worker is deleted."""


class WorkerView(NamedTuple):
    """A worker and whether it is online."""

    worker: PoolWorker
    online: bool


def record_heartbeat(session: Session, pool_name: str, heartbeat: Heartbeat) -> None:
    """Store the heartbeat, which makes the pool ready.

    An unknown name creates a worker. Workers of the pool that have been offline for `DELETED_AFTER` are deleted.

    Raises:
        NotFound: the pool does not exist.
    """
    pool_id = _find_pool_for_key_share(session, pool_name)
    interval = heartbeat.heartbeat_interval_seconds
    online_for = timedelta(seconds=MISSED_HEARTBEATS * (interval or HEARTBEAT_SECONDS))
    columns = {
        "heartbeat_interval_seconds": None if interval is None else round(interval),
        "updated": func.clock_timestamp(),
        "online_until": func.clock_timestamp() + online_for,
    }
    insertion = insert(PoolWorker).values(work_pool_id=pool_id, name=heartbeat.name, **columns)
    session.execute(insertion.on_conflict_do_update(index_elements=["work_pool_id", "name"], set_=columns))
    is_old = PoolWorker.online_until < func.clock_timestamp() - DELETED_AFTER
    session.execute(delete(PoolWorker).where(PoolWorker.work_pool_id == pool_id, is_old))
    record(session, refresh_status(session, WORK_POOL, WorkPool.id == pool_id))


def list_workers(
    session: Session, pool_name: str, wanted: WorkerFilter | None, *, limit: int, offset: int
) -> Sequence[WorkerView]:
    """Return at most `limit` matching workers of the pool after the first `offset`, the latest heartbeat first.

    Raises:
        NotFound: the pool does not exist.
    """
    of_pool = PoolWorker.work_pool_id == read_work_pool(session, pool_name).pool.id
    condition = _condition(wanted) if wanted is not None else true()
    statement = (
        select(PoolWorker, is_online()).where(of_pool, condition).order_by(PoolWorker.updated.desc(), PoolWorker.id)
    )
    return [WorkerView(*row) for row in session.execute(statement.limit(limit).offset(offset))]


def delete_worker(session: Session, pool_name: str, name: str) -> None:
    """Delete a worker. The pool becomes not ready if it has no other online worker.

    Raises:
        NotFound: the pool or the worker does not exist.
    """
    pool_id = read_work_pool(session, pool_name).pool.id
    where = (PoolWorker.work_pool_id == pool_id, PoolWorker.name == name)
    if session.scalar(delete(PoolWorker).where(*where).returning(PoolWorker.id)) is None:
        raise NotFound("Worker not found.")
    record(session, refresh_status(session, WORK_POOL, WorkPool.id == pool_id, exclusive=True))


def delete_workers_of_pool(session: Session, pool_id: UUID) -> None:
    """Delete the workers of a pool. The caller has locked the pool and is about to delete it."""
    session.execute(delete(PoolWorker).where(PoolWorker.work_pool_id == pool_id))


def _find_pool_for_key_share(session: Session, name: str) -> UUID:
    """Return the id of the pool. Until the transaction ends, it cannot be deleted and readiness checks skip it."""
    statement = select(WorkPool.id).where(WorkPool.name == name).with_for_update(read=True, key_share=True)
    pool_id = session.scalars(statement).one_or_none()
    if pool_id is None:
        raise NotFound(NOT_FOUND)
    return pool_id


def _condition(wanted: WorkerFilter) -> ColumnElement[bool]:
    parts = []
    if wanted.status is not None:
        parts.append(and_(*_status_conditions(wanted.status.any_, wanted.status.not_any_)))
    if wanted.last_heartbeat_time is not None:
        before, after = wanted.last_heartbeat_time.before_, wanted.last_heartbeat_time.after_
        bounds = [PoolWorker.updated <= before if before else true(), PoolWorker.updated >= after if after else true()]
        parts.append(and_(*bounds))
    operator: Callable[..., ColumnElement[bool]] = and_ if wanted.operator == "and_" else or_
    return operator(*parts) if parts else true()


def _status_conditions(
    wanted: Sequence[WorkerStatus] | None, unwanted: Sequence[WorkerStatus] | None
) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = [true()]
    if wanted is not None:
        conditions.append(or_(*(_has_status(status) for status in wanted)) if wanted else false())
    conditions += [not_(_has_status(status)) for status in unwanted or ()]
    return conditions


def _has_status(status: WorkerStatus) -> ColumnElement[bool]:
    return is_online() if status is WorkerStatus.ONLINE else not_(is_online())
