"""Planted bugs in how the API captures changes: the states before and after, and whether anything changed."""

from collections.abc import Mapping, Sequence
from dataclasses import replace as changed
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, delete, select, true
from sqlalchemy.orm import Session

from app.capture.kind_classes import ResourceKind
from app.capture.masking import Masker
from app.capture.snapshot import Change, Snapshot, lane_of
from app.capture.statements import Assignment, Condition, Where
from app.errors import NotFound
from app.models import Deployment
from tests.chaos.planted.delays import random_delay
from tests.chaos.planted.patching import replace

YOUNG: Final = timedelta(seconds=2)


def created_or_updated_decided_by_clock() -> None:
    """Report an update as a creation if the row is younger than two seconds.

    An upsert that returns only the current row allows no other check: Prefect's server compares the row's
    `created` with the time of the request, Django code checks `created_at == updated_at`.
    """

    def make(original: Any) -> Any:
        def capture(change: Change, masker: Masker, attribution: Mapping[str, str]) -> Snapshot:
            snapshot: Snapshot = original(change, masker, attribution)
            if snapshot.operation == "updated" and change.row["created"] > datetime.now(UTC) - YOUNG:
                return changed(snapshot, operation="created", before=None)
            return snapshot

        return capture

    replace("app.capture.snapshot", "capture", make, used_by="app.outbox.record")


def old_values_read_without_the_row_lock() -> None:
    """Read the old values with a SELECT, then UPDATE: another request can change the row in between.

    Nearly every audit trail that is built in an ORM does this: load the object, set its attributes, compare, save.
    """
    replace("app.crud.deployments.writing", "lock_deployment", _make_unlocked, used_by="app.crud.deployments.writing")
    replace("app.capture.row_changes", "update_rows", _make_select_first, used_by="app.crud.deployments.writing")


def _make_unlocked(_original: Any) -> Any:
    def lock_deployment(session: Session, deployment_id: UUID) -> Deployment:
        deployment = session.get(Deployment, deployment_id, populate_existing=True)
        if deployment is None:
            raise NotFound("Deployment not found")
        return deployment

    return lock_deployment


def _make_select_first(original: Any) -> Any:
    def update_rows(
        session: Session,
        kind: ResourceKind,
        where: Where,
        values: Mapping[str, Any],
        *,
        cause: datetime | None = None,
    ) -> list[Change]:
        table = kind.table
        fields = [table.c[field] for field in kind.tracked]
        condition = Condition.of(where)
        statement = select(table.c.id, *fields).where(condition.expression)
        found = session.execute(statement, condition.values())
        read = {row["id"]: row for row in found.mappings()}
        random_delay(0.01)
        changes: list[Change] = original(session, kind, where, values, cause=cause)
        # The revision and the previous event's id stay correct, so only `from` and `to` show the bug.
        return [
            changed(change, before={**(change.before or {}), **read.get(change.row["id"], {})}) for change in changes
        ]

    return update_rows


def unchanged_write_counts_as_a_change() -> None:
    """Give every upsert and update a new revision and an event, even if no value differs.

    `ON CONFLICT DO UPDATE` without a condition does this, and so does every hook on "saved".
    """

    def make(original: Any) -> Any:
        def _assignment(
            kind: ResourceKind,
            new_values: Mapping[str, ColumnElement[Any]],
            updated: ColumnElement[datetime],
            *,
            takes_ids: bool = False,
        ) -> Assignment:
            assignment: Assignment = original(kind, new_values, updated, takes_ids=takes_ids)
            return changed(assignment, differs=true())

        return _assignment

    replace("app.capture.statements", "_assignment", make, used_by="app.capture.statements")


def flow_deletion_that_cascades() -> None:
    """Delete a flow's deployments without recording the changes, as `ON DELETE CASCADE` does.

    No ORM hook sees these deletions; many frameworks put the cascade into schemas by default.
    """

    def make(_original: Any) -> Any:
        def delete_deployments_of_flows(session: Session, flow_ids: Sequence[UUID], cause: datetime) -> list[Change]:
            session.execute(delete(Deployment).where(Deployment.flow_id.in_(flow_ids)))
            return []

        return delete_deployments_of_flows

    replace("app.crud.deployments.cascades", "delete_deployments_of_flows", make, used_by="app.crud.deletions")


def lane_chosen_by_the_change() -> None:
    """Choose the lane by the change's id, not the resource's: two workers get two changes of one resource.

    A unique key for each message does this, and so do messages without a key, which a queue spreads round robin.
    """

    def make(original: Any) -> Any:
        def capture(change: Change, masker: Masker, attribution: Mapping[str, str]) -> Snapshot:
            snapshot: Snapshot = original(change, masker, attribution)
            return changed(snapshot, lane=lane_of(change.event_id))

        return capture

    replace("app.capture.snapshot", "capture", make, used_by="app.outbox.record")
