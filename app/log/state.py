"""Rebuilds the state of a resource from its events, without any I/O."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from app.capture.kind_classes import ResourceKind
from app.models import EventRow
from app.postgres.base import JsonObject
from app.schemas.event import OMITTED, RESOURCE_NAME


class Reason(StrEnum):
    """Why the value of a field is unknown."""

    SKIPPED = "skipped"
    """An operator skipped a change, which may have changed any field."""
    OMITTED = "omitted"
    """The value was too large for its event."""
    MISSING = "missing"
    """A change has no event in the log, and it may have changed any field. The audit reports it as lost."""
    UNRECORDED = "unrecorded"
    """No event contains the field: it became tracked after the creation, and has not changed since."""
    DAMAGED = "damaged"
    """The payload of an event is not as the workers write it, so it may have changed any field."""


WHY_UNKNOWN: Final = {
    Reason.SKIPPED: "a change was skipped",
    Reason.OMITTED: "the value was too large for its event",
    Reason.MISSING: "a change is missing from the log",
    Reason.UNRECORDED: "no event names the field",
    Reason.DAMAGED: "an event is damaged",
}


@dataclass(frozen=True, slots=True)
class Unknown:
    """Replaces a value that is unknown from the revision `since` on."""

    since: int
    reason: Reason


class Phase(StrEnum):
    """Whether a resource exists."""

    NOT_CREATED = "not created"
    ALIVE = "alive"
    DELETED = "deleted"


@dataclass(frozen=True, slots=True)
class State:
    """The state of a resource after some of its events.

    `revision`, `changed` and `name` are those of the latest event. `fields` maps every tracked field to its masked
    value or to `Unknown`. For a deleted resource, these are the last values.
    """

    phase: Phase = Phase.NOT_CREATED
    revision: int = 0
    changed: datetime | None = None
    name: str | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)


def rebuild(kind: ResourceKind, events: Iterable[EventRow]) -> State:
    """Return the state after these events: the first events of one resource of this kind, ordered by revision.

    The state starts with the fields of the creation, and each update replaces the fields that it changed. A field
    whose value is not known (see `Reason`) is `Unknown` until a later event contains it.
    """
    state = State()
    for event in events:
        state = _apply(kind, state, event)
    if state.phase is Phase.NOT_CREATED:
        return state
    unrecorded = dict.fromkeys(kind.tracked, Unknown(1, Reason.UNRECORDED))
    return replace(state, fields={**unrecorded, **state.fields})


def untouched(kind: ResourceKind, later: Iterable[EventRow], after_revision: int) -> set[str]:
    """Return the tracked fields that none of the events after this revision has changed, or may have changed.

    This is known even of a field whose value is not.
    """
    mark = object()
    state = State(Phase.ALIVE, after_revision, fields=dict.fromkeys(kind.tracked, mark))
    for event in later:
        state = _apply(kind, state, event)
    return {name for name, value in state.fields.items() if value is mark}


def _apply(kind: ResourceKind, state: State, event: EventRow) -> State:
    assert event.revision is not None, "only the registry's own events have a state"
    skipped = event.payload["skipped"]["operation"] if event.event == kind.skip_event_name() else None
    operation = skipped or event.event.rpartition(".")[2]
    fields = state.fields
    if event.revision > state.revision + 1:
        fields = _all_unknown(kind, fields, Unknown(state.revision + 1, Reason.MISSING))
    if skipped is not None:
        fields = _all_unknown(kind, fields, Unknown(event.revision, Reason.SKIPPED))
    try:
        values = _recorded_values(event.payload, event.revision)
    except (AttributeError, KeyError, TypeError):
        values = _all_unknown(kind, fields, Unknown(event.revision, Reason.DAMAGED))
    # What has passed by the triggers of a source may have been a deletion.
    is_gone = operation == "deleted" or event.payload.get("exists") is False
    return State(
        phase=Phase.DELETED if is_gone else Phase.ALIVE,
        revision=event.revision,
        changed=event.occurred,
        name=event.resource.get(RESOURCE_NAME),
        fields={**fields, **values},
    )


def _all_unknown(kind: ResourceKind, fields: Mapping[str, Any], unknown: Unknown) -> JsonObject:
    """Return all fields as unknown. A field that was unknown before keeps its reason."""
    names = {**dict.fromkeys(kind.tracked), **fields}
    return {name: fields[name] if isinstance(fields.get(name), Unknown) else unknown for name in names}


def _recorded_values(payload: JsonObject, revision: int) -> JsonObject:
    """Return the fields that an event contains, with their values after it."""
    updates: JsonObject = payload.get("updates", {})
    values: JsonObject = {**payload.get("fields", {}), **{name: change["to"] for name, change in updates.items()}}
    omitted = payload.get("omitted_fields", ())
    return {
        name: Unknown(revision, Reason.OMITTED) if name in omitted and is_omitted(value) else value
        for name, value in values.items()
    }


def is_omitted(value: Any) -> bool:
    """Return whether this is the placeholder for a value that was too large for its event."""
    return isinstance(value, dict) and value.keys() == {OMITTED}
