"""The snapshot: one change of one resource, masked and JSON-safe."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any, Final, Literal
from uuid import UUID

from app.capture.kind_classes import ResourceKind
from app.capture.kinds import DEPLOYMENT, STATUS, tracked_kinds
from app.capture.masking import Masker
from app.capture.masking_rules import Rules
from app.errors import ConfigurationError
from app.models import LANES, Readiness
from app.postgres.base import JsonObject
from app.settings import Settings

Operation = Literal["created", "updated", "deleted", "ready", "not-ready", "paused"]

STATUS_OPERATIONS: Final[Mapping[str, Operation]] = {
    Readiness.READY: "ready",
    Readiness.NOT_READY: "not-ready",
    Readiness.PAUSED: "paused",
}
"""The operation of a status change, by the new status."""

NAME_SHOWN: Final = 60
"""The most characters of a name in a label."""

CLIENT_EVENT_FIELDS: Final = ("payload", "resource")
"""The fields that are masked in events that clients send."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One change of one resource, ready to be stored in the outbox; `id` becomes the id of its event.

    Attributes:
        before: the tracked fields before the change; None for a creation.
        after: the tracked fields after the change; None for a deletion.
        references: the ids of the related resources, by column, after the change (for a deletion, before it).
        labels: the labels of the resource, after the change (for a deletion, before it).
        follows: the event id of the resource's previous change.
        attribution: who made the change, by which request, and why (`app.capture.attribution.stored`).
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
    attribution: Mapping[str, str]

    @property
    def label(self) -> str:
        """Return a short description of the change for operators."""
        return change_label(self.kind, self.name, self.operation, self.revision)


@dataclass(frozen=True, slots=True)
class Change:
    """The change of one row, as the statement returned it: all columns before and after (None: there was no row).

    The database set `event_id`, `revision` and `occurred`. `supplied` contains the ids of related resources that no
    column of the row contains, by `Edge.column`.
    """

    kind: ResourceKind
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None
    event_id: UUID
    revision: int
    occurred: datetime
    supplied: Mapping[str, UUID | str | None] = field(default_factory=dict)

    @property
    def operation(self) -> Operation:
        """Return the operation. It follows from the rows before and after, never from a clock."""
        if self.before is None:
            return "created"
        if self.after is None:
            return "deleted"
        before, after = self.before.get(STATUS), self.after.get(STATUS)
        return STATUS_OPERATIONS[str(after)] if before != after else "updated"

    @property
    def row(self) -> Mapping[str, Any]:
        """Return the row after the change; for a deletion, the row before it."""
        row = self.after if self.after is not None else self.before
        assert row is not None, "a change has a row before or after it"
        return row


def change_label(kind: str, name: str, operation: str, revision: int, owner: str | None = None) -> str:
    """Return a text such as `deployment:nightly updated r6`, or `etl/nightly updated r6` if the owner is known.

    The owner of a deployment is its flow, that of a work queue its pool.
    """
    place = _shown(name) if owner is None else f"{_shown(owner)}/{_shown(name)}"
    prefix = "" if kind == DEPLOYMENT.name and owner is not None else f"{kind}:"
    return f"{prefix}{place} {operation} r{revision}"


def _shown(name: str) -> str:
    """Return the name without characters that control what shows it, and not too long."""
    short = name if len(name) <= NAME_SHOWN else f"{name[: NAME_SHOWN - 1]}…"
    return short if short.isprintable() else "".join(char if char.isprintable() else "?" for char in short)


def lane_of(resource_id: UUID) -> int:
    """Return the lane of a resource, 0 to 63. All its snapshots have this lane, so one worker at a time has them."""
    return resource_id.int % LANES


@lru_cache
def make_masker(settings: Settings) -> Masker:
    """Return the masker for these settings.

    Raises:
        ConfigurationError: a path in the settings begins with an unknown field, or masks the status.
    """
    rules = Rules(settings.masked_keys, settings.masked_paths, settings.unmasked_paths)
    known = {*CLIENT_EVENT_FIELDS, *(field for kind in tracked_kinds() for field in kind.tracked)}
    unknown = rules.fields() - known - {"*"}
    if unknown:
        raise ConfigurationError(
            "AFTERCOMMIT_MASKED_PATHS or AFTERCOMMIT_UNMASKED_PATHS has a path that begins with an unknown field: "
            f"{', '.join(sorted(unknown))}. "
            f"The fields are: {', '.join(sorted(known))}."
        )
    if rules.place(STATUS).is_masked:
        # The status decides the names of events. The path `*` alone would mask it, and the labels of events too.
        raise ConfigurationError(
            "AFTERCOMMIT_MASKED_PATHS masks the status, which decides the names of events. "
            "Name other fields, and do not use `*` alone."
        )
    return Masker(settings.masking_key.get_secret_value(), rules)


def capture(change: Change, masker: Masker, attribution: Mapping[str, str]) -> Snapshot:
    """Return the snapshot of a change. Its tracked fields and labels are masked and JSON-safe.

    `attribution` is who made the change, by which request, and why, as `app.capture.attribution.stored` returns it.
    """
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
            edge.column: json_safe((change.supplied if edge.supplied else row).get(edge.column)) for edge in kind.edges
        },
        labels={label: masker.mask(label, text) for label, text in _labels(change).items()},
        follows=change.before["event_id"] if change.before is not None else None,
        attribution=attribution,
    )


def _labels(change: Change) -> dict[str, str]:
    omitted = change.kind.unlabelled_status if change.operation in STATUS_OPERATIONS.values() else ()
    return {label: text for label, text in change.kind.label_values(change.row).items() if label not in omitted}


def _tracked(change: Change, masker: Masker) -> tuple[JsonObject | None, JsonObject | None]:
    """Return the masked tracked fields before and after. A value that is the same object in both is masked once."""

    def masked(row: Mapping[str, Any], field: str) -> Any:
        return masker.mask(field, json_safe(row[field]))

    fields, old, new = change.kind.tracked, change.before, change.after
    before = {field: masked(old, field) for field in fields} if old is not None else None
    if before is None or old is None or new is None:
        return before, {field: masked(new, field) for field in fields} if new is not None else None
    return before, {field: before[field] if new[field] is old[field] else masked(new, field) for field in fields}


def json_safe(value: Any) -> Any:
    """Turn an id into text. UUID is the only type of these columns that JSON lacks."""
    return str(value) if isinstance(value, UUID) else value
