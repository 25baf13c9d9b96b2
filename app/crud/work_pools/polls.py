"""Records polls for runs. A poll makes its work queues and deployments ready, and changes nothing else.

Locked rows are skipped, so a poll never waits for another transaction. The next poll updates them.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import ColumnElement, and_, exists, func, literal, or_, select, update
from sqlalchemy.orm import Session

from app.capture.kinds import DEPLOYMENT, WORK_QUEUE
from app.capture.readiness import is_online, refresh_status
from app.crud.filters import is_any_of
from app.crud.work_pools.pools import read_work_pool
from app.crud.work_pools.queues import NOT_FOUND
from app.errors import NotFound
from app.models import Deployment, PoolWorker, Readiness, WorkQueue
from app.outbox.record import record
from app.settings import get_settings

POLL_RESOLUTION: Final = timedelta(seconds=5)
"""A poll is stored only if the last stored one is older than this, or than a quarter of `readiness_silence`."""


def record_poll_of_pool(
    session: Session, pool_name: str, queue_names: Sequence[str] | None, *, is_preview: bool = False
) -> None:
    """Record a poll for these queues of the pool, or for all, which makes the queues and their deployments ready.

    A preview is not recorded, nor is a poll while no worker of the pool is online.

    Raises:
        NotFound: the pool or a queue does not exist.
    """
    pool_id = read_work_pool(session, pool_name).pool.id
    is_polled = WorkQueue.work_pool_id == pool_id
    if queue_names:
        is_polled = is_any_of(WorkQueue.id, _queue_ids(session, is_polled, frozenset(queue_names)))
    if is_preview:
        return
    has_worker = exists().where(PoolWorker.work_pool_id == pool_id, is_online())
    polled = _store_poll(session, WorkQueue, and_(is_polled, has_worker))
    if polled:
        queues = refresh_status(session, WORK_QUEUE, is_any_of(WorkQueue.id, polled))
        # A literal instead of a parameter, so that PostgreSQL can use the partial index `ix_deployment_not_ready`.
        not_ready = Deployment.status == literal(Readiness.NOT_READY.value, literal_execute=True)
        of_queues = and_(is_any_of(Deployment.work_queue_id, polled), not_ready)
        cause = max((queue.occurred for queue in queues), default=None)
        record(session, [*queues, *refresh_status(session, DEPLOYMENT, of_queues, bounded=True, cause=cause)])


def _queue_ids(session: Session, is_in_pool: ColumnElement[bool], names: frozenset[str]) -> Sequence[UUID]:
    ids = session.scalars(select(WorkQueue.id).where(is_in_pool, is_any_of(WorkQueue.name, list(names)))).all()
    if len(ids) < len(names):
        raise NotFound(NOT_FOUND)
    return ids


def record_poll_of_deployments(session: Session, deployment_ids: Sequence[UUID]) -> None:
    """Record a poll for these deployments by the process that serves them, which makes them ready.

    Unknown ids are ignored.
    """
    polled = _store_poll(session, Deployment, is_any_of(Deployment.id, deployment_ids))
    if polled:
        record(session, refresh_status(session, DEPLOYMENT, is_any_of(Deployment.id, polled), bounded=True))


def _store_poll(session: Session, model: type[WorkQueue | Deployment], where: ColumnElement[bool]) -> Sequence[UUID]:
    """Set `last_polled` of the rows without a recent poll. Return their ids; they stay locked."""
    now = func.clock_timestamp()
    resolution = min(POLL_RESOLUTION, timedelta(seconds=get_settings().readiness_silence / 4))
    due = or_(model.last_polled.is_(None), model.last_polled < now - resolution)
    rows = select(model.id).where(where, due).with_for_update(key_share=True, skip_locked=True)
    statement = update(model).where(model.id.in_(rows)).values(last_polled=now)
    return session.scalars(statement.returning(model.id).execution_options(synchronize_session=False)).all()
