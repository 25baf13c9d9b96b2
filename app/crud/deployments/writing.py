"""Changes and deletes deployments. Every function records its changes with `record`."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final
from uuid import UUID, uuid4

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from app.capture.kinds import DEPLOYMENT
from app.capture.row_changes import update_rows
from app.capture.snapshot import Change
from app.capture.statements import Condition, Where
from app.crud.deployments.cascades import delete_matching
from app.crud.deployments.effects import lock_own_limits, refresh_moved_deployments, sync_own_limits
from app.crud.deployments.hydration import hydrate
from app.crud.deployments.reading import IS_THIS_DEPLOYMENT
from app.crud.deployments.schedules import Schedules, patched
from app.crud.deployments.values import check_update, column_values
from app.errors import NotFound
from app.models import Deployment
from app.outbox.record import record
from app.schemas.deployments import DeploymentUpdate

FIELDS_THAT_NEED_THE_ROW: Final = frozenset({
    "concurrency_limit", "enforce_parameter_schema", "job_variables", "parameter_openapi_schema", "parameters",
    "schedules",
})  # fmt: skip
"""The fields of an update that are validated against the stored row, or merged with it."""


def update_deployment(session: Session, deployment_id: UUID, body: DeploymentUpdate) -> None:
    """Set the fields of a deployment that the body contains. If nothing differs, nothing is written.

    Raises:
        NotFound: the deployment, the work pool or the global concurrency limit does not exist.
        Conflict: the parameters do not match their schema, or two schedules have the same slug.
        InvalidRequest: the job variables do not match the work pool's schema, or schedules lack slugs.
    """
    values = column_values(session, body)
    if body.parameters is not None:
        values["parameters"] = hydrate(body.parameters)
    if not body.model_fields_set & FIELDS_THAT_NEED_THE_ROW:
        if not _change(session, deployment_id, values):
            lock_deployment(session, deployment_id)
        return
    own_limits = lock_own_limits(session, _this(deployment_id)) if "concurrency_limit" in values else {}
    current = lock_deployment(session, deployment_id)
    if body.concurrency_limit is not None:
        has_own = current.concurrency_limit is not None
        own_id = current.concurrency_limit_id if has_own else own_limits.get(deployment_id)
        values["concurrency_limit_id"] = own_id or uuid4()
    if "schedules" in body.model_fields_set:
        values["schedules"] = patched(current.schedules, body.schedules)
    check_update(session, columns_of(current), values)
    _change(session, deployment_id, values)


def set_schedules(session: Session, deployment: Deployment, schedules: Schedules) -> None:
    """Set the schedules of a deployment that the caller has locked."""
    _change(session, deployment.id, {"schedules": schedules})


def set_paused(session: Session, deployment_id: UUID, paused: bool) -> None:
    """Pause or resume a deployment.

    Raises:
        NotFound: it does not exist.
    """
    if not _change(session, deployment_id, {"paused": paused}):
        lock_deployment(session, deployment_id)


def delete_deployment(session: Session, deployment_id: UUID) -> None:
    """Delete a deployment.

    Raises:
        NotFound: it does not exist, or another request deleted it first. Then nothing is recorded.
    """
    if not delete_deployments(session, _this(deployment_id)):
        raise NotFound("Deployment not found")


def delete_deployments(session: Session, where: Where) -> list[UUID]:
    """Delete the matching deployments; return the ids of those that this transaction deleted."""
    changes = delete_matching(session, where)
    record(session, changes)
    return [change.row["id"] for change in changes if change.kind is DEPLOYMENT]


def lock_deployment(session: Session, deployment_id: UUID) -> Deployment:
    """Return a deployment, locked FOR UPDATE until the transaction ends.

    Raises:
        NotFound: it does not exist.
    """
    deployment = session.scalar(_locked_deployment(), {"deployment_id": deployment_id})
    if deployment is None:
        raise NotFound("Deployment not found")
    return deployment


def columns_of(deployment: Deployment) -> dict[str, Any]:
    """Return the columns of a deployment by name."""
    return {column.key: getattr(deployment, column.key) for column in DEPLOYMENT.table.columns}


@lru_cache
def _locked_deployment() -> Select[Deployment]:
    return select(Deployment).where(IS_THIS_DEPLOYMENT).with_for_update().execution_options(populate_existing=True)


def record_with_effects(
    session: Session, changes: Sequence[Change], *, unpolled_queue: UUID | None = None
) -> list[Change]:
    """Write the effects of these changes on own limits and statuses; record and return all changes, in this order.

    `unpolled_queue` is a queue that no worker has polled recently (see `refresh_moved_deployments`).
    """
    limits = sync_own_limits(session, changes)
    statuses = refresh_moved_deployments(session, changes, unpolled_queue)
    recorded = [*changes, *limits, *statuses]
    record(session, recorded)
    return recorded


def _change(session: Session, deployment_id: UUID, values: dict[str, Any]) -> bool:
    """Update the deployment and record the change. Return False if nothing differs, or if it does not exist."""
    changes = update_rows(session, DEPLOYMENT, _this(deployment_id), values) if values else []
    record_with_effects(session, changes)
    return bool(changes)


def _this(deployment_id: UUID) -> Condition:
    return Condition(IS_THIS_DEPLOYMENT, {"deployment_id": deployment_id})
