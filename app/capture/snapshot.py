"""The captured change: what a committed statement did to one resource, masked and JSON-safe."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any, Final, Literal
from uuid import UUID

from app.capture.kinds import STATUS, kind_named, tracked_kinds
from app.capture.masking import Masker
from app.capture.masking_rules import Rules
from app.capture.resource_kind import ResourceKind
from app.errors import ConfigurationError
from app.models import LANES, Readiness
from app.postgres.engine import JsonObject
from app.settings import Settings

Operation = Literal["created", "updated", "deleted", "ready", "not-ready", "paused"]

STATUS_OPERATIONS: Final[Mapping[str, Operation]] = {
    Readiness.READY: "ready",
    Readiness.NOT_READY: "not-ready",
    Readiness.PAUSED: "paused",
}
"""What a change of the status is called, by the status after it."""

CLIENT_EVENT_FIELDS: Final = ("payload", "resource")
"""What is masked of the events that clients send."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One change of one resource, ready to be stored in the outbox; `id` becomes the id of its event.

    `before` and `after` hold the tracked fields, `references` the ids of the related resources, by column: of the
    state after the change, or before it for a deletion. `labels` are those of the resource, by label. `follows` is the
    event id of the change before.
    """

    id: UUID
    lane: int
    kind: str
    resource_id: UUID
    revision: int
    operation: Operation
    occurred: datetime
    name: str
    before: JsonObject | None
    after: JsonObject | None
    references: JsonObject
    labels: JsonObject
    follows: UUID | None
    correlation_id: str | None

    @property
    def label(self) -> str:
        """Return the text that tells an operator of this change."""
        return f"{self.operation} {kind_named(self.kind).resource_id(self.resource_id)} revision {self.revision}"


@dataclass(frozen=True, slots=True)
class Change:
    """What a statement returned for one row: all its columns before and after (None where there was no row).

    `event_id`, `revision` and `occurred` are those of this change, given by the database. `given` holds the ids of
    related resources that are to be told and that no column of the row holds.
    """

    kind: ResourceKind
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None
    event_id: UUID
    revision: int
    occurred: datetime
    given: Mapping[str, UUID | str | None] = field(default_factory=dict)

    @property
    def operation(self) -> Operation:
        """Tell what happened from what the database returned; no clock is asked."""
        if self.before is None:
            return "created"
        if self.after is None:
            return "deleted"
        before, after = self.before.get(STATUS), self.after.get(STATUS)
        return STATUS_OPERATIONS[str(after)] if before != after else "updated"

    @property
    def row(self) -> Mapping[str, Any]:
        """Return the state after the change, or the last one of a deleted resource."""
        row = self.after if self.after is not None else self.before
        assert row is not None, "a change has a row before or after it"
        return row


def lane_of(resource_id: UUID) -> int:
    """Return the lane of a resource, 0 to 63: all its snapshots share it, so one worker at a time has them."""
    return resource_id.int % LANES


@lru_cache
def make_masker(settings: Settings) -> Masker:
    """Return the masker that the settings describe.

    Raises:
        ConfigurationError: a path of the settings begins with a field that nothing has, or masks the status.
    """
    rules = Rules(settings.masked_keys, settings.masked_paths, settings.unmasked_paths)
    known = {*CLIENT_EVENT_FIELDS, *(field for kind in tracked_kinds() for field in kind.tracked)}
    unknown = rules.fields() - known - {"*"}
    if unknown:
        raise ConfigurationError(
            f"AFTERCOMMIT_MASKED_PATHS or AFTERCOMMIT_UNMASKED_PATHS names no field: {', '.join(sorted(unknown))}. "
            f"The fields are: {', '.join(sorted(known))}."
        )
    if rules.place(STATUS).is_masked:
        # The events of its changes are named by it, and only the path `*` masks it with the labels of events.
        raise ConfigurationError(
            "AFTERCOMMIT_MASKED_PATHS masks the status, by which events are named. "
            "Name other fields, and not `*` alone."
        )
    return Masker(settings.masking_key.get_secret_value(), rules)


def capture(change: Change, masker: Masker, correlation_id: str | None) -> Snapshot:
    """Return the snapshot of a change: its tracked fields, masked and JSON-safe."""
    kind, row = change.kind, change.row
    before, after = _tracked(change, masker)
    return Snapshot(
        id=change.event_id,
        lane=lane_of(row["id"]),
        kind=kind.name,
        resource_id=row["id"],
        revision=change.revision,
        operation=change.operation,
        occurred=change.occurred,
        name=row["name"],
        before=before,
        after=after,
        references={
            edge.column: _json_safe((change.given if edge.given else row).get(edge.column)) for edge in kind.edges
        },
        labels={label: masker.mask(label, text) for label, text in _labels(change).items()},
        follows=change.before["event_id"] if change.before is not None else None,
        correlation_id=correlation_id,
    )


def _labels(change: Change) -> dict[str, str]:
    left_out = change.kind.unlabelled_status if change.operation in STATUS_OPERATIONS.values() else ()
    return {label: text for label, text in change.kind.label_values(change.row).items() if label not in left_out}


def _tracked(change: Change, masker: Masker) -> tuple[JsonObject | None, JsonObject | None]:
    """The tracked fields before and after. What is one object in both is masked once."""

    def masked(row: Mapping[str, Any], field: str) -> Any:
        return masker.mask(field, _json_safe(row[field]))

    fields, was, now = change.kind.tracked, change.before, change.after
    before = {field: masked(was, field) for field in fields} if was is not None else None
    if before is None or was is None or now is None:
        return before, {field: masked(now, field) for field in fields} if now is not None else None
    return before, {field: before[field] if now[field] is was[field] else masked(now, field) for field in fields}


def _json_safe(value: Any) -> Any:
    """Turn an id into text: it is the only type among tracked columns that JSON lacks."""
    return str(value) if isinstance(value, UUID) else value
