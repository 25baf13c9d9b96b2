"""The state of a resource, rebuilt from its events: pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from app.capture.resource_kind import ResourceKind
from app.models import EventRow
from app.postgres.engine import JsonObject
from app.schemas.event import OMITTED, RESOURCE_NAME


class Reason(StrEnum):
    """Why the events do not tell a field's value."""

    SKIPPED = "skipped"
    """An operator skipped a change: any field may have changed with it."""
    OMITTED = "omitted"
    """The value was too large for its event."""
    MISSING = "missing"
    """A change has no event in the log, which the audit reports as lost: any field may have changed with it."""
    UNTOLD = "untold"
    """No event names the field: it is tracked only since later, and has not changed since."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """Stands for a value that the events do not tell, from the revision `since` on."""

    since: int
    reason: Reason


class Phase(StrEnum):
    """Where a resource is in its life."""

    UNBORN = "not created"
    ALIVE = "alive"
    DELETED = "deleted"


@dataclass(frozen=True, slots=True)
class State:
    """What a resource's events up to some moment tell of it.

    `revision`, `changed` and `name` are those of the latest event. `fields` maps every tracked field of a living
    resource to its value, masked as it was captured, or to `Unknown`; of a deleted one they are the last ones.
    """

    phase: Phase = Phase.UNBORN
    revision: int = 0
    changed: datetime | None = None
    name: str | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)


def rebuild(kind: ResourceKind, events: Iterable[EventRow]) -> State:
    """Return the state after the given events: the first ones of one resource of this kind, by revision.

    It starts from what the creation tells and puts in place what each update changed. Where an event does not tell
    (see `Reason`), the field is `Unknown` until a later event names it again.
    """
    state = State()
    for event in events:
        state = _after(kind, state, event)
    if state.phase is Phase.UNBORN:
        return state
    untold = dict.fromkeys(kind.tracked, Unknown(1, Reason.UNTOLD))
    return replace(state, fields={**untold, **state.fields})


def _after(kind: ResourceKind, state: State, event: EventRow) -> State:
    assert event.revision is not None, "only the registry's own events make a state"
    skipped = event.payload["skipped"]["operation"] if event.event == kind.skip_event_name() else None
    operation = skipped or event.event.rpartition(".")[2]
    fields = state.fields
    if event.revision > state.revision + 1:
        fields = _doubted(kind, fields, Unknown(state.revision + 1, Reason.MISSING))
    if skipped is not None:
        fields = _doubted(kind, fields, Unknown(event.revision, Reason.SKIPPED))
    return State(
        phase=Phase.DELETED if operation == "deleted" else Phase.ALIVE,
        revision=event.revision,
        changed=event.occurred,
        name=event.resource.get(RESOURCE_NAME),
        fields={**fields, **_told(event.payload, event.revision)},
    )


def _doubted(kind: ResourceKind, fields: Mapping[str, Any], unknown: Unknown) -> JsonObject:
    """Every field becomes unknown; one that was so before keeps its reason."""
    names = {**dict.fromkeys(kind.tracked), **fields}
    return {name: fields[name] if isinstance(fields.get(name), Unknown) else unknown for name in names}


def _told(payload: JsonObject, revision: int) -> JsonObject:
    """The fields that an event names, with the values that they have after it."""
    updates: JsonObject = payload.get("updates", {})
    told: JsonObject = {**payload.get("fields", {}), **{name: change["to"] for name, change in updates.items()}}
    omitted = payload.get("omitted_fields", ())
    return {
        name: Unknown(revision, Reason.OMITTED) if name in omitted and is_omitted(value) else value
        for name, value in told.items()
    }


def is_omitted(value: Any) -> bool:
    """Tell whether this stands for a value that was too large for its event."""
    return isinstance(value, dict) and value.keys() == {OMITTED}
