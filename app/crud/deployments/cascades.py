"""Changes deployments when a row that they refer to is deleted: their flow, work queue or concurrency limit.

`cause` is the time of that deletion; the changes occur later. Each function returns its changes for the caller to
record.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from app.capture.kinds import DEPLOYMENT
from app.capture.row_changes import delete_rows, update_rows
from app.capture.snapshot import Change
from app.capture.statements import Condition, Where
from app.crud.deployments.effects import lock_own_limits, refresh_moved_deployments, sync_own_limits
from app.crud.filters import is_any_of
from app.models import Deployment


def delete_deployments_of_flows(session: Session, flow_ids: Sequence[UUID], cause: datetime) -> list[Change]:
    """Delete the deployments of flows that the caller has locked and is about to delete."""
    return delete_matching(session, is_any_of(Deployment.flow_id, flow_ids), cause=cause)


def clear_queues(session: Session, queue_ids: Sequence[UUID], cause: datetime) -> list[Change]:
    """Remove the deployments from queues that the caller has locked and is about to delete."""
    where = is_any_of(Deployment.work_queue_id, queue_ids)
    _lock(session, where)
    cleared = update_rows(session, DEPLOYMENT, where, {"work_queue_id": None}, cause=cause)
    return [*cleared, *refresh_moved_deployments(session, cleared)]


def clear_limit(session: Session, limit_id: UUID, cause: datetime) -> list[Change]:
    """Remove a concurrency limit, which the caller has locked and is about to delete, from its deployments."""
    where = Deployment.concurrency_limit_id == limit_id
    _lock(session, where)
    values = {"concurrency_limit": None, "concurrency_limit_id": None}
    return update_rows(session, DEPLOYMENT, where, values, cause=cause)


def delete_matching(session: Session, where: Where, *, cause: datetime | None = None) -> list[Change]:
    """Delete the matching deployments and their own limits."""
    lock_own_limits(session, where)
    if not isinstance(where, Condition):
        # A `Condition` selects only one deployment, so the order does not matter.
        _lock(session, where)
    deletions = delete_rows(session, DEPLOYMENT, where, cause=cause)
    return [*deletions, *sync_own_limits(session, deletions)]


def _lock(session: Session, where: ColumnElement[bool]) -> None:
    """Lock the rows in the order of their ids, so that two bulk changes cannot deadlock."""
    session.execute(select(Deployment.id).where(where).order_by(Deployment.id).with_for_update())
