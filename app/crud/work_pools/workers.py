"""The workers of a work pool, as far as their heartbeats tell: a pool that has one is ready."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Final, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, and_, delete, false, func, not_, or_, select, true
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.capture.kinds import WORK_POOL
from app.capture.readiness import is_online, settle
from app.crud.work_pools.pools import NOT_FOUND, read_work_pool
from app.errors import NotFound
from app.models import PoolWorker, WorkPool
from app.outbox.record import record
from app.schemas.pool_workers import Heartbeat, WorkerFilter, WorkerStatus

HEARTBEAT_SECONDS: Final = 30
"""How long a worker waits between heartbeats when it does not say."""
MISSED_HEARTBEATS: Final = 3
"""After so many intervals without a heartbeat a worker is offline."""
FORGOTTEN_AFTER: Final = timedelta(days=7)


class FoundWorker(NamedTuple):
    """A worker and whether it is online."""

    worker: PoolWorker
    online: bool


def record_heartbeat(session: Session, pool_name: str, heartbeat: Heartbeat) -> None:
    """Note that the worker lives, which makes the pool ready.

    A new name is a new worker; those of the pool that are long gone are forgotten.

    Raises:
        NotFound: there is no such pool.
    """
    pool_id = _hold_pool(session, pool_name)
    interval = heartbeat.heartbeat_interval_seconds
    online_for = timedelta(seconds=MISSED_HEARTBEATS * (interval or HEARTBEAT_SECONDS))
    lives = {
        "heartbeat_interval_seconds": None if interval is None else round(interval),
        "updated": func.clock_timestamp(),
        "online_until": func.clock_timestamp() + online_for,
    }
    insertion = insert(PoolWorker).values(work_pool_id=pool_id, name=heartbeat.name, **lives)
    session.execute(insertion.on_conflict_do_update(index_elements=["work_pool_id", "name"], set_=lives))
    long_gone = PoolWorker.online_until < func.clock_timestamp() - FORGOTTEN_AFTER
    session.execute(delete(PoolWorker).where(PoolWorker.work_pool_id == pool_id, long_gone))
    record(session, settle(session, WORK_POOL, WorkPool.id == pool_id))


def list_workers(
    session: Session, pool_name: str, wanted: WorkerFilter | None, *, limit: int, offset: int
) -> Sequence[FoundWorker]:
    """Return a window of the matching workers of the pool, the one that was heard last first.

    Raises:
        NotFound: there is no such pool.
    """
    of_pool = PoolWorker.work_pool_id == read_work_pool(session, pool_name).pool.id
    condition = _condition(wanted) if wanted is not None else true()
    statement = (
        select(PoolWorker, is_online()).where(of_pool, condition).order_by(PoolWorker.updated.desc(), PoolWorker.id)
    )
    return [FoundWorker(*row) for row in session.execute(statement.limit(limit).offset(offset))]


def delete_worker(session: Session, pool_name: str, name: str) -> None:
    """Forget one worker; without another one the pool is not ready.

    Raises:
        NotFound: there is no such pool, or it has no such worker.
    """
    pool_id = read_work_pool(session, pool_name).pool.id
    where = (PoolWorker.work_pool_id == pool_id, PoolWorker.name == name)
    if session.scalar(delete(PoolWorker).where(*where).returning(PoolWorker.id)) is None:
        raise NotFound("Worker not found.")
    record(session, settle(session, WORK_POOL, WorkPool.id == pool_id, alone=True))


def forget_workers(session: Session, pool_id: UUID) -> None:
    """Forget the workers of a pool that the caller has locked and is about to delete."""
    session.execute(delete(PoolWorker).where(PoolWorker.work_pool_id == pool_id))


def _hold_pool(session: Session, name: str) -> UUID:
    """Return the id of the pool, which nobody deletes or judges for being silent before this transaction ends."""
    held = select(WorkPool.id).where(WorkPool.name == name).with_for_update(read=True, key_share=True)
    pool_id = session.scalars(held).one_or_none()
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
    together: Callable[..., ColumnElement[bool]] = and_ if wanted.operator == "and_" else or_
    return together(*parts) if parts else true()


def _status_conditions(
    wanted: Sequence[WorkerStatus] | None, unwanted: Sequence[WorkerStatus] | None
) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = [true()]
    if wanted is not None:
        conditions.append(or_(*(_has(status) for status in wanted)) if wanted else false())
    conditions += [not_(_has(status)) for status in unwanted or ()]
    return conditions


def _has(status: WorkerStatus) -> ColumnElement[bool]:
    return is_online() if status is WorkerStatus.ONLINE else not_(is_online())
