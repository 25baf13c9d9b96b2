"""What workers tell by asking for work: that they live, and that their pool, queues and deployments are ready.

A poll changes no resource. It waits for nobody: a row that somebody else changes at that moment is passed over, and the
next poll finds it.
"""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Final, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, and_, delete, exists, false, func, not_, or_, select, true, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.crud.filters import one_of
from app.crud.readiness import is_online
from app.crud.work_pools import read_work_pool
from app.crud.work_queues import read_work_queue_by_name
from app.errors import NotFound
from app.models import Deployment, PoolWorker, WorkQueue
from app.schemas.pool_workers import Heartbeat, WorkerFilter, WorkerStatus

HEARTBEAT_SECONDS: Final = 30
"""How long a worker waits between heartbeats when it does not say."""
MISSED_HEARTBEATS: Final = 3
"""After so many intervals without a heartbeat a worker is offline."""
FORGOTTEN_AFTER: Final = timedelta(days=7)
POLL_RESOLUTION: Final = timedelta(seconds=5)
"""Polls that follow each other more closely are not written down."""


class FoundWorker(NamedTuple):
    """A worker and whether it is online."""

    worker: PoolWorker
    online: bool


def record_heartbeat(session: Session, pool_name: str, heartbeat: Heartbeat) -> None:
    """Note that the worker lives. A new name is a new worker; those of the pool that are long gone are forgotten.

    Raises:
        NotFound: there is no such pool.
    """
    pool_id = read_work_pool(session, pool_name).pool.id
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
    """Forget one worker.

    Raises:
        NotFound: there is no such pool, or it has no such worker.
    """
    pool_id = read_work_pool(session, pool_name).pool.id
    where = (PoolWorker.work_pool_id == pool_id, PoolWorker.name == name)
    if session.scalar(delete(PoolWorker).where(*where).returning(PoolWorker.id)) is None:
        raise NotFound("Worker not found.")


def forget_workers(session: Session, pool_id: UUID) -> None:
    """Forget the workers of a pool that the caller has locked and is about to delete."""
    session.execute(delete(PoolWorker).where(PoolWorker.work_pool_id == pool_id))


def record_poll_of_pool(session: Session, pool_name: str, queue_names: Sequence[str] | None) -> None:
    """Note that a worker asked for runs of these queues of the pool, or of all.

    It counts only while a worker of the pool is online: a person who previews a pool asks the same.

    Raises:
        NotFound: there is no such pool or queue.
    """
    pool_id = read_work_pool(session, pool_name).pool.id
    of_pool = WorkQueue.work_pool_id == pool_id
    if queue_names:
        ids = [read_work_queue_by_name(session, pool_name, name).queue.id for name in queue_names]
        of_pool = and_(of_pool, one_of(WorkQueue.id, ids))
    _note_poll(session, WorkQueue, and_(of_pool, exists().where(PoolWorker.work_pool_id == pool_id, is_online())))


def record_poll_of_deployments(session: Session, deployment_ids: Sequence[UUID]) -> None:
    """Note that the process that serves these deployments asked for their runs; unknown ids are passed over."""
    _note_poll(session, Deployment, one_of(Deployment.id, deployment_ids))


def _note_poll(session: Session, model: type[WorkQueue | Deployment], where: ColumnElement[bool]) -> None:
    now = func.clock_timestamp()
    due = or_(model.last_polled.is_(None), model.last_polled < now - POLL_RESOLUTION)
    rows = select(model.id).where(where, due).with_for_update(key_share=True, skip_locked=True)
    statement = update(model).where(model.id.in_(rows)).values(last_polled=now)
    session.execute(statement.execution_options(synchronize_session=False))


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
