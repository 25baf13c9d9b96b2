"""Corrects the stored status of work pools, work queues and deployments when workers have stopped polling for them."""

from typing import Final

from sqlalchemy import and_, func, or_, select, true
from sqlalchemy.orm import Session, sessionmaker

from app.capture.attribution import SERVICE, Attribution, acting_as
from app.capture.kinds import DEPLOYMENT, WORK_POOL, WORK_QUEUE
from app.capture.readiness import refresh_status, status_is_current
from app.capture.snapshot import Change
from app.models import Deployment, WorkQueue
from app.outbox.record import record

ATTRIBUTION: Final = Attribution(f"{SERVICE}:readiness")
"""Nobody asks for these changes."""

READINESS_LOCK: Final = 0x61C2
"""The advisory lock that lets one process at a time do this, however many beats there are."""

ROWS_AT_ONCE: Final = 500
"""How many rows one transaction changes at most, so that others wait only moments for one of them."""

TRANSACTIONS: Final = 100
"""How many transactions one call makes for each kind at most; the next call goes on."""


def refresh_all_statuses(sessions: sessionmaker[Session]) -> int:
    """Correct every stored status that is wrong now, and record the changes; return how many there were.

    A second process that is called meanwhile returns at once. Rows that others have locked are left to the next call.
    Queues come before their deployments.
    """
    changed = 0
    for refresh in (_refresh_pools, _refresh_queues, _refresh_deployments):
        for _ in range(TRANSACTIONS):
            with sessions() as session, session.begin():
                if not session.scalar(select(func.pg_try_advisory_xact_lock(READINESS_LOCK))):
                    return changed
                changes = refresh(session)
                with acting_as(ATTRIBUTION):
                    record(session, changes)
            changed += len(changes)
            if not changes:
                break
    return changed


def _refresh_pools(session: Session) -> list[Change]:
    """Skip pools whose key a heartbeat in progress has locked: its commit makes the pool ready."""
    return refresh_status(session, WORK_POOL, true(), limit=ROWS_AT_ONCE, exclusive=True, bounded=True)


def _refresh_queues(session: Session) -> list[Change]:
    return refresh_status(session, WORK_QUEUE, true(), limit=ROWS_AT_ONCE, bounded=True)


def _refresh_deployments(session: Session) -> list[Change]:
    """Lock the queues first: a poll of a queue then either was committed before, and counts, or comes later."""
    outdated = select(Deployment.id, Deployment.work_queue_id).where(~status_is_current(DEPLOYMENT))
    rows = session.execute(outdated.order_by(Deployment.id).limit(ROWS_AT_ONCE)).all()
    if not rows:
        return []
    queues = WorkQueue.id.in_({row.work_queue_id for row in rows})
    locked = session.scalars(
        select(WorkQueue.id).where(queues).order_by(WorkQueue.id).with_for_update(key_share=True, skip_locked=True)
    ).all()
    has_locked_queue = or_(Deployment.work_queue_id.is_(None), Deployment.work_queue_id.in_(locked))
    deployments = and_(Deployment.id.in_([row.id for row in rows]), has_locked_queue)
    return refresh_status(session, DEPLOYMENT, deployments, bounded=True)
