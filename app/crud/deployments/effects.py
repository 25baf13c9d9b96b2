"""Applies the effects of a deployment's change: on its own limit, and on its status when it gets another queue.

A deployment's own limit is a row named `deployment:<id>` that exists while the deployment's `concurrency_limit` is set.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ARRAY, ColumnElement, Select, Text, Uuid, and_, any_, bindparam, cast, exists, literal, select
from sqlalchemy.orm import Session

from app.capture.kinds import CONCURRENCY_LIMIT, DEPLOYMENT
from app.capture.readiness import refresh_status
from app.capture.row_changes import delete_rows, insert_row, update_rows
from app.capture.snapshot import Change
from app.capture.statements import Condition, Where, cached_for_condition
from app.crud.deployments.reading import IS_THIS_DEPLOYMENT
from app.crud.filters import is_any_of
from app.models import ConcurrencyLimit, Deployment
from app.postgres.base import core_table

THESE: Final = DEPLOYMENT.table.c.id == any_(bindparam("deployment_ids", type_=ARRAY(Uuid())))


def own_limit_name(deployment_id: UUID) -> str:
    """Return the name of the row of a deployment's own limit."""
    return f"deployment:{deployment_id}"


def lock_own_limits(session: Session, deployments: Where) -> dict[UUID, UUID]:
    """Lock the rows of these deployments' own limits, and return their ids by deployment id.

    Call this before locking the deployments, because the deletion of a limit also locks the limit first and then the
    deployments. The row of a deployment without its own limit may still exist, while another deployment uses it.
    """
    condition = Condition.of(deployments)
    rows = session.execute(_locked_limits(condition), condition.values())
    return {row.deployment_id: row.limit_id for row in rows}


@cached_for_condition
def _locked_limits(deployments: ColumnElement[bool]) -> Select[UUID, UUID]:
    # Core tables, because selecting models goes through the ORM, which doubles the time.
    deployment, limit = core_table(Deployment), core_table(ConcurrencyLimit)
    own_name = literal("deployment:") + cast(deployment.c.id, Text)
    return (
        select(deployment.c.id.label("deployment_id"), limit.c.id.label("limit_id"))
        .join(limit, limit.c.name == own_name)
        .where(deployments)
        .order_by(limit.c.id)
        .with_for_update(of=limit)
    )


def sync_own_limits(session: Session, changes: Sequence[Change]) -> list[Change]:
    """Write the rows of own limits that these changes of deployments set, and delete those that they cleared.

    A row that another deployment uses is not deleted.

    Returns:
        The changes of the limits, for the caller to record after `changes`.
    """
    limit_changes: list[Change] = []
    for change in changes:
        if (
            change.after is not None
            and _own_limit_id(change.after) is not None
            and _number(change.before) != _number(change.after)
        ):
            limit_changes += _write_limit(session, change.after, change.occurred)
    before = {_own_limit_id(change.before) for change in changes}
    after = {_own_limit_id(change.after) for change in changes}
    cleared = sorted(id_ for id_ in before - after if id_ is not None)
    if cleared:
        limit_changes += _delete_unused(session, cleared, max(change.occurred for change in changes))
    return limit_changes


def _own_limit_id(row: Mapping[str, Any] | None) -> UUID | None:
    return row["concurrency_limit_id"] if row is not None and row["concurrency_limit"] is not None else None


def _number(row: Mapping[str, Any] | None) -> int | None:
    return row["concurrency_limit"] if row is not None else None


def _write_limit(session: Session, deployment: Mapping[str, Any], cause: datetime) -> list[Change]:
    id_, number = deployment["concurrency_limit_id"], deployment["concurrency_limit"]
    values = {"id": id_, "name": own_limit_name(deployment["id"]), "limit": number}
    created = insert_row(session, CONCURRENCY_LIMIT, values, ("id",))
    if created is not None:
        return [created]
    return update_rows(session, CONCURRENCY_LIMIT, ConcurrencyLimit.id == id_, {"limit": number}, cause=cause)


def _delete_unused(session: Session, ids: Sequence[UUID], cause: datetime) -> list[Change]:
    # Lock first. This waits for transactions that give the limit to a deployment, and the next statement sees that.
    limits = is_any_of(ConcurrencyLimit.id, ids)
    session.execute(select(ConcurrencyLimit.id).where(limits).order_by(ConcurrencyLimit.id).with_for_update())
    unused = ~exists().where(Deployment.concurrency_limit_id == ConcurrencyLimit.id)
    return delete_rows(session, CONCURRENCY_LIMIT, and_(limits, unused), cause=cause)


def refresh_moved_deployments(
    session: Session, changes: Sequence[Change], unpolled_queue: UUID | None = None
) -> list[Change]:
    """Correct the status of the deployments whose work queue these changes have set, changed or cleared.

    Args:
        session: the open transaction.
        changes: changes of deployments, and possibly of other resources that are deleted.
        unpolled_queue: a queue that no worker has polled recently. A new deployment in it is not ready, which is its
            first status, so nothing is corrected. A concurrent poll does not see it yet; the next poll makes it ready.

    Returns:
        The status changes, for the caller to record after `changes`.
    """
    moved = [change.row["id"] for change in changes if change.after is not None and _has_moved(change, unpolled_queue)]
    if not moved:
        return []
    if len(moved) == 1:
        # By the key: for a list of unknown length, PostgreSQL plans a full scan of a table that is still small.
        return refresh_status(session, DEPLOYMENT, Condition(IS_THIS_DEPLOYMENT, {"deployment_id": moved[0]}))
    return refresh_status(session, DEPLOYMENT, Condition(THESE, {"deployment_ids": moved}))


def _has_moved(change: Change, unpolled_queue: UUID | None) -> bool:
    queue: UUID | None = change.row["work_queue_id"]
    if change.before is None:
        return queue is not None and queue != unpolled_queue
    before: UUID | None = change.before["work_queue_id"]
    return before != queue
