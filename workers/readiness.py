"""Finds work pools, work queues and deployments whose stored status no longer holds: nobody asks for their work."""

from collections.abc import Callable, Sequence
from typing import Final

from sqlalchemy import and_, func, or_, select, true
from sqlalchemy.orm import Session, sessionmaker

from app.capture.kinds import DEPLOYMENT, WORK_POOL, WORK_QUEUE
from app.capture.readiness import settle, status_is_due
from app.capture.snapshot import Change, Snapshot
from app.models import Deployment, WorkQueue
from app.outbox.store import store

READINESS_LOCK: Final = 0x61C2
"""The advisory lock that elects one at a time, however many beats there are."""

ROWS_AT_ONCE: Final = 500
"""How many rows one transaction changes at most, so that those who wait for one of them wait for moments only."""

TURNS: Final = 100
"""How many transactions one look makes of each kind at most; the next look goes on."""


def settle_all(sessions: sessionmaker[Session], ring: Callable[[Sequence[Snapshot]], None]) -> int:
    """Bring every stored status in line with what holds now; return how many changed.

    `ring` is called with the snapshots of each transaction after its commit. Whoever is at it already does it alone;
    what others hold at this moment is left to the next look. Queues come before their deployments.
    """
    settled = 0
    for settle_some in (_settle_pools, _settle_queues, _settle_deployments):
        for _ in range(TURNS):
            with sessions() as session, session.begin():
                if not session.scalar(select(func.pg_try_advisory_xact_lock(READINESS_LOCK))):
                    return settled
                stored = store(session, settle_some(session))
            if stored:
                ring(stored)
            settled += len(stored)
            if not stored:
                break
    return settled


def _settle_pools(session: Session) -> list[Change]:
    """Alone with each pool: the heartbeat of a worker holds the pool's key until it is committed, and then counts."""
    return settle(session, WORK_POOL, true(), limit=ROWS_AT_ONCE, alone=True, bounded=True)


def _settle_queues(session: Session) -> list[Change]:
    return settle(session, WORK_QUEUE, true(), limit=ROWS_AT_ONCE, bounded=True)


def _settle_deployments(session: Session) -> list[Change]:
    """Hold the queues meanwhile: a poll of one comes before, and then counts, or passes it over until the next poll."""
    wrong = select(Deployment.id, Deployment.work_queue_id).where(~status_is_due(DEPLOYMENT))
    found = session.execute(wrong.order_by(Deployment.id).limit(ROWS_AT_ONCE)).all()
    if not found:
        return []
    queues = WorkQueue.id.in_({row.work_queue_id for row in found})
    held = session.scalars(
        select(WorkQueue.id).where(queues).order_by(WorkQueue.id).with_for_update(key_share=True, skip_locked=True)
    ).all()
    can_tell = or_(Deployment.work_queue_id.is_(None), Deployment.work_queue_id.in_(held))
    return settle(session, DEPLOYMENT, and_(Deployment.id.in_([row.id for row in found]), can_tell), bounded=True)
