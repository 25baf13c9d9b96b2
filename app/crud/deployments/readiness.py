"""A deployment that gets another work queue is as ready as that one, at once."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from sqlalchemy import ARRAY, Uuid, any_, bindparam
from sqlalchemy.orm import Session

from app.capture.kinds import DEPLOYMENT
from app.capture.readiness import settle
from app.capture.snapshot import Change
from app.capture.statements import table_of
from app.crud.deployments.reading import THIS

THESE: Final = table_of(DEPLOYMENT).c.id == any_(bindparam("deployment_ids", type_=ARRAY(Uuid())))


def follow_queues(session: Session, changes: Sequence[Change], silent_queue: UUID | None = None) -> list[Change]:
    """Settle the readiness of those of these deployments that got or lost a queue by their change.

    A new deployment is not ready, and stays so in a `silent_queue`, of which the caller knows that nobody has polled it
    lately. Who polls it at this very moment does not see the deployment yet, whose status waits for the next poll.

    Returns:
        The changes of their status, for the caller to record after the ones that moved them.
    """
    moved = [change.row["id"] for change in changes if change.after is not None and _has_moved(change, silent_queue)]
    if not moved:
        return []
    if len(moved) == 1:
        # By its key: a list might be any number of rows, for which PostgreSQL reads a table through that was small.
        return settle(session, DEPLOYMENT, THIS, given={"deployment_id": moved[0]})
    return settle(session, DEPLOYMENT, THESE, given={"deployment_ids": moved})


def _has_moved(change: Change, silent_queue: UUID | None) -> bool:
    queue: UUID | None = change.row["work_queue_id"]
    if change.before is None:
        return queue is not None and queue != silent_queue
    before: UUID | None = change.before["work_queue_id"]
    return before != queue
