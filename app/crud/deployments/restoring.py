"""Brings a deployment back to the state of one of its revisions."""

from collections.abc import Collection, Mapping
from typing import Any, Final
from uuid import UUID, uuid4

from sqlalchemy import Uuid, select
from sqlalchemy.orm import Session

from app.capture.kinds import DEPLOYMENT, STATUS
from app.capture.masking import Masker
from app.capture.row_changes import update_rows
from app.capture.snapshot import Change, json_safe
from app.capture.statements import Condition
from app.capture.unmasking import unmask
from app.crud.deployments.effects import lock_own_limits
from app.crud.deployments.reading import IS_THIS_DEPLOYMENT
from app.crud.deployments.values import check_update
from app.crud.deployments.writing import columns_of, lock_deployment, record_with_effects
from app.crud.limits.concurrency_limits import lock_limit
from app.errors import Conflict, NotFound
from app.log.comparison import may_differ
from app.log.history import ResourceHistory
from app.log.state import WHY_UNKNOWN, Unknown, untouched
from app.models import WorkQueue

LIMIT: Final = "concurrency_limit"
LIMIT_ID: Final = "concurrency_limit_id"
QUEUE_ID: Final = "work_queue_id"


def restore_deployment(
    session: Session, history: ResourceHistory, past: ResourceHistory, masker: Masker
) -> list[Change]:
    """Set the tracked fields of a deployment, except its status, to those at the end of `past`. Record the changes.

    Args:
        session: the open transaction.
        history: all events of the deployment that are in the log.
        past: the part of it up to the revision to restore.
        masker: masks the current values, to find the secrets that have not changed.

    Returns:
        The changes, that of the deployment first; none if nothing differs.

    Raises:
        NotFound: the deployment no longer exists.
        Conflict: a value is masked or unknown and not at hand, the work queue or the limit no longer exists, or the
            parameters do not match their schema.
        InvalidRequest: the job variables do not match the schema of the work pool.
    """
    assert isinstance(history.id, UUID), "resources of sources are not restored"
    revision = past.state().revision
    this = Condition(IS_THIS_DEPLOYMENT, {"deployment_id": history.id})
    wanted = {field: value for field, value in past.state().fields.items() if field in DEPLOYMENT.tracked}
    _lock_references(session, wanted, revision)
    own_limit = lock_own_limits(session, this).get(history.id)
    stored = columns_of(lock_deployment(session, history.id))
    later = history.events[len(past.events) :]
    # Until the event of the latest change is in the log, it may have changed any field.
    is_complete = (later[-1].revision if later else revision) == stored["revision"]
    kept = untouched(DEPLOYMENT, later, revision) if is_complete else set()
    values = _values(wanted, stored, {*kept, STATUS}, masker, revision)
    _name_own_limit(values, stored, own_limit)
    check_update(session, stored, values)
    changes = update_rows(session, DEPLOYMENT, this, values) if values else []
    return record_with_effects(session, changes)


def _lock_references(session: Session, wanted: Mapping[str, Any], revision: int) -> None:
    """Lock the work queue and the global concurrency limit of the revision against deletion.

    A row that the deployment refers to now exists, so one that does not exist would have to be restored.
    """
    queue_id = _as_id(wanted[QUEUE_ID])
    if queue_id is not None:
        statement = select(WorkQueue.id).where(WorkQueue.id == queue_id).with_for_update(read=True, key_share=True)
        if session.scalar(statement) is None:
            raise Conflict(f"Revision {revision} has the work queue {queue_id}, which no longer exists.")
    limit_id = _as_id(wanted[LIMIT_ID])
    if limit_id is not None and wanted[LIMIT] is None:
        try:
            lock_limit(session, limit_id)
        except NotFound:
            text = f"Revision {revision} has the concurrency limit {limit_id}, which no longer exists."
            raise Conflict(text) from None


def _as_id(value: Any) -> UUID | None:
    return UUID(value) if isinstance(value, str) else None


def _values(
    wanted: Mapping[str, Any], stored: Mapping[str, Any], kept: Collection[str], masker: Masker, revision: int
) -> dict[str, Any]:
    """Return the columns that differ from the stored ones, with their secrets.

    Raises:
        Conflict: a value is unknown, or masked and not at hand. The text names all of them.
    """
    values, missing = {}, []
    for field, value in wanted.items():
        current = json_safe(stored[field])
        if field in kept or (field == LIMIT_ID and isinstance(wanted[LIMIT], int)):
            continue
        if isinstance(value, Unknown):
            missing.append(f"{field} is unknown, because {WHY_UNKNOWN[value.reason]}")
            continue
        found, masks = unmask(value, current, masker.mask(field, current), field)
        missing += [f"{place} is masked, and not the current value" for place in masks]
        if may_differ(found, current):
            is_id = isinstance(DEPLOYMENT.table.c[field].type, Uuid)
            values[field] = _as_id(found) if is_id else found
    if missing:
        raise Conflict(f"Revision {revision} cannot be restored: {'; '.join(missing)}.")
    return values


def _name_own_limit(values: dict[str, Any], stored: Mapping[str, Any], own_limit: UUID | None) -> None:
    """Set the id of the deployment's own limit: of its existing row, or a new id, because the old row is deleted."""
    if values.get(LIMIT) is not None:
        values[LIMIT_ID] = stored[LIMIT_ID] if stored[LIMIT] is not None else own_limit or uuid4()
