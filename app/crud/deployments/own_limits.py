"""A deployment's own concurrency limit: a row named `deployment:<id>` that lives as long as the number is set."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, Text, and_, cast, exists, literal, select
from sqlalchemy.orm import Session

from app.capture.kinds import CONCURRENCY_LIMIT
from app.capture.snapshot import Change
from app.capture.statements import Given
from app.capture.tracked import delete_rows, insert_row, update_rows
from app.crud.filters import one_of
from app.models import ConcurrencyLimit, Deployment
from app.postgres.engine import core_table


def own_limit_name(deployment_id: UUID) -> str:
    """Return the name of the deployment's own limit."""
    return f"deployment:{deployment_id}"


def lock_own_limits(session: Session, deployments: ColumnElement[bool], given: Given = None) -> dict[UUID, UUID]:
    """Lock the rows of the own limits of these deployments, and return their ids by deployment.

    It comes before the lock of the deployments, since the deletion of a limit locks in that order too: the limit, then
    the deployments that use it. A row outlives its deployment's number while another deployment uses it. `given` are
    the condition's parameters.
    """
    locked = (_standing_lock if given is not None else _lock)(deployments)
    return {row.deployment_id: row.limit_id for row in session.execute(locked, given)}


def _lock(deployments: ColumnElement[bool]) -> Select[UUID, UUID]:
    # On the tables: a select of models lets the ORM handle the statement, which takes as long again.
    deployment, limit = core_table(Deployment), core_table(ConcurrencyLimit)
    own_name = literal("deployment:") + cast(deployment.c.id, Text)
    return (
        select(deployment.c.id.label("deployment_id"), limit.c.id.label("limit_id"))
        .join(limit, limit.c.name == own_name)
        .where(deployments)
        .order_by(limit.c.id)
        .with_for_update(of=limit)
    )


_standing_lock = lru_cache(_lock)


def settle_own_limits(session: Session, changes: Sequence[Change]) -> list[Change]:
    """Make the rows of own limits follow the numbers: written where one is set, deleted where it is set no more.

    A limit that another deployment uses is never deleted with the number of one of them.

    Returns:
        The changes of the limits, which follow from those of the deployments, for the caller to record.
    """
    settled: list[Change] = []
    for change in changes:
        if (
            change.after is not None
            and _own(change.after) is not None
            and _number(change.before) != _number(change.after)
        ):
            settled += _write(session, change.after, change.occurred)
    before = {_own(change.before) for change in changes}
    after = {_own(change.after) for change in changes}
    unset = sorted(id_ for id_ in before - after if id_ is not None)
    return settled + (_delete_unused(session, unset, max(change.occurred for change in changes)) if unset else [])


def _own(row: Mapping[str, Any] | None) -> UUID | None:
    return row["concurrency_limit_id"] if row is not None and row["concurrency_limit"] is not None else None


def _number(row: Mapping[str, Any] | None) -> int | None:
    return row["concurrency_limit"] if row is not None else None


def _write(session: Session, deployment: Mapping[str, Any], cause: datetime) -> list[Change]:
    id_, number = deployment["concurrency_limit_id"], deployment["concurrency_limit"]
    values = {"id": id_, "name": own_limit_name(deployment["id"]), "limit": number}
    created = insert_row(session, CONCURRENCY_LIMIT, values, ("id",))
    if created is not None:
        return [created]
    return update_rows(session, CONCURRENCY_LIMIT, ConcurrencyLimit.id == id_, {"limit": number}, cause=cause)


def _delete_unused(session: Session, ids: Sequence[UUID], cause: datetime) -> list[Change]:
    # Locked first: a deployment that takes the limit up at this moment holds it, and the next statement sees that.
    limits = one_of(ConcurrencyLimit.id, ids)
    session.execute(select(ConcurrencyLimit.id).where(limits).order_by(ConcurrencyLimit.id).with_for_update())
    unused = ~exists().where(Deployment.concurrency_limit_id == ConcurrencyLimit.id)
    return delete_rows(session, CONCURRENCY_LIMIT, and_(limits, unused), cause=cause)
