"""What happens to deployments with what they refer to: they go with their flow, and lose a queue or a limit."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from app.capture.kinds import DEPLOYMENT
from app.capture.snapshot import Change
from app.capture.statements import Given
from app.capture.tracked import delete_rows, update_rows
from app.crud.deployments.own_limits import lock_own_limits, settle_own_limits
from app.crud.deployments.readiness import follow_queues
from app.crud.filters import one_of
from app.models import Deployment


def delete_deployments_of_flows(session: Session, flow_ids: Sequence[UUID], cause: datetime) -> list[Change]:
    """Delete the deployments of flows that the caller has locked and is about to delete.

    Here and below: `cause` is the time of that deletion, and the changes, which occur later, are for the caller to
    record.
    """
    return delete_where(session, one_of(Deployment.flow_id, flow_ids), cause=cause)


def clear_queues(session: Session, queue_ids: Sequence[UUID], cause: datetime) -> list[Change]:
    """Take the deployments off queues that the caller has locked and is about to delete."""
    where = one_of(Deployment.work_queue_id, queue_ids)
    _lock(session, where)
    cleared = update_rows(session, DEPLOYMENT, where, {"work_queue_id": None}, cause=cause)
    return [*cleared, *follow_queues(session, cleared)]


def clear_limit(session: Session, limit_id: UUID, cause: datetime) -> list[Change]:
    """Free the deployments of a concurrency limit that the caller has locked and is about to delete."""
    where = Deployment.concurrency_limit_id == limit_id
    _lock(session, where)
    values = {"concurrency_limit": None, "concurrency_limit_id": None}
    return update_rows(session, DEPLOYMENT, where, values, cause=cause)


def delete_where(
    session: Session, where: ColumnElement[bool], given: Given = None, *, cause: datetime | None = None
) -> list[Change]:
    """Delete the deployments that match and the limits of their own; return the changes for the caller to record.

    `given` are the condition's parameters. `cause` is the time of the change that these follow from.
    """
    lock_own_limits(session, where, given)
    if given is None:
        # A condition that is made once means one deployment, which needs no order.
        _lock(session, where)
    deletions = delete_rows(session, DEPLOYMENT, where, given=given, cause=cause)
    return [*deletions, *settle_own_limits(session, deletions)]


def _lock(session: Session, where: ColumnElement[bool]) -> None:
    """Lock rows in the order of their ids, so that two bulk changes wait for each other and never deadlock."""
    session.execute(select(Deployment.id).where(where).order_by(Deployment.id).with_for_update())
