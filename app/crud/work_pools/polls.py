"""What a poll tells: that somebody takes the work of these work queues or deployments, which makes them ready.

It changes nothing else. It waits for nobody: a row that somebody else changes at that moment is passed over, and the
next poll finds it.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import ColumnElement, and_, exists, func, literal, or_, select, update
from sqlalchemy.orm import Session

from app.capture.kinds import DEPLOYMENT, WORK_QUEUE
from app.capture.readiness import is_online, settle
from app.crud.filters import one_of
from app.crud.work_pools.pools import read_work_pool
from app.crud.work_pools.queues import read_work_queue_by_name
from app.models import Deployment, PoolWorker, Readiness, WorkQueue
from app.outbox.record import record
from app.settings import get_settings

POLL_RESOLUTION: Final = timedelta(seconds=5)
"""Polls that follow each other more closely are not written down; nor are those within a quarter of the silence."""


def record_poll_of_pool(session: Session, pool_name: str, queue_names: Sequence[str] | None) -> None:
    """Note that a worker asked for runs of these queues of the pool, or of all, which makes them and theirs ready.

    It counts only while a worker of the pool is online: a person who previews a pool asks the same.

    Raises:
        NotFound: there is no such pool or queue.
    """
    pool_id = read_work_pool(session, pool_name).pool.id
    of_pool = WorkQueue.work_pool_id == pool_id
    if queue_names:
        ids = [read_work_queue_by_name(session, pool_name, name).queue.id for name in queue_names]
        of_pool = and_(of_pool, one_of(WorkQueue.id, ids))
    by_worker = exists().where(PoolWorker.work_pool_id == pool_id, is_online())
    polled = _note_poll(session, WorkQueue, and_(of_pool, by_worker))
    if polled:
        queues = settle(session, WORK_QUEUE, one_of(WorkQueue.id, polled))
        # Asked for in the words of the index that holds these alone.
        not_ready = Deployment.status == literal(Readiness.NOT_READY.value, literal_execute=True)
        theirs = and_(one_of(Deployment.work_queue_id, polled), not_ready)
        cause = max((queue.occurred for queue in queues), default=None)
        record(session, [*queues, *settle(session, DEPLOYMENT, theirs, bounded=True, cause=cause)])


def record_poll_of_deployments(session: Session, deployment_ids: Sequence[UUID]) -> None:
    """Note that the process that serves these deployments asked for their runs, which makes them ready.

    Unknown ids are passed over.
    """
    polled = _note_poll(session, Deployment, one_of(Deployment.id, deployment_ids))
    if polled:
        record(session, settle(session, DEPLOYMENT, one_of(Deployment.id, polled), bounded=True))


def _note_poll(session: Session, model: type[WorkQueue | Deployment], where: ColumnElement[bool]) -> Sequence[UUID]:
    """Note the poll where none was noted a moment ago; return the ids of these rows, which are locked then."""
    now = func.clock_timestamp()
    resolution = min(POLL_RESOLUTION, timedelta(seconds=get_settings().readiness_silence / 4))
    due = or_(model.last_polled.is_(None), model.last_polled < now - resolution)
    rows = select(model.id).where(where, due).with_for_update(key_share=True, skip_locked=True)
    statement = update(model).where(model.id.in_(rows)).values(last_polled=now)
    return session.scalars(statement.returning(model.id).execution_options(synchronize_session=False)).all()
