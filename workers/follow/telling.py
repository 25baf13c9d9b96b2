"""Builds the events of a source's changes: pure functions."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from app.capture.attribution import ACTOR, as_labels, as_related
from app.models import HeldChange, Source
from app.postgres.base import JsonObject
from app.schemas.event import RESOURCE_ID, RESOURCE_NAME, RESOURCE_ROLE, REVISION, SOURCE, Event
from app.sources.profile import Profile
from workers.build import changed_fields, within
from workers.follow.folding import ResourceKey, related_keys
from workers.follow.states import State, Step
from workers.follow.store import States

TICK: Final = timedelta(microseconds=1)
ATTRIBUTION: Final = {ACTOR: "unknown"}
"""Who made a change in a foreign database is not known, and never guessed."""


@dataclass(frozen=True, slots=True)
class Told:
    """A step of a resource that becomes an event, with what the event says about the resource."""

    key: ResourceKey
    step: Step
    id: UUID
    follows: UUID | None
    occurred: datetime
    revision: int
    name: str
    labels: dict[str, str]
    references: dict[str, str | None]


def tell(source: Source, key: ResourceKey, state: State, step: Step, at: datetime, cause: str) -> Told:
    """Give a step its revision, time and id, and make it the latest one of the state.

    The time is that of the change, but always later than that of the resource's event before. The id follows from the
    change, so the same change always has the same one. `cause` tells the changes of a resource apart.
    """
    occurred = at if state.occurred is None else max(at, state.occurred + TICK)
    id_ = event_id(occurred, str(source.id), cause, *key, step.operation)
    told = Told(
        key=key,
        step=step,
        id=id_,
        follows=state.event_id,
        occurred=occurred,
        revision=state.revision + 1,
        name=state.name,
        labels=state.labels,
        references=state.references,
    )
    state.revision, state.event_id, state.occurred = told.revision, id_, occurred
    return told


def event_id(occurred: datetime, *parts: str) -> UUID:
    """Return a UUID of version 7 with this time, whose other bits follow from the parts."""
    milliseconds = int(occurred.timestamp() * 1000)
    digest = hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).digest()
    number = milliseconds << 80 | int.from_bytes(digest[:10], "big")
    number = number & ~(0xF << 76) | 7 << 76
    return UUID(int=number & ~(0x3 << 62) | 0x2 << 62)


def build_event(source: Source, profile: Profile, states: States, told: Told, size_cap: int) -> Event:
    """Return the event. The states of the related resources must be loaded."""
    return Event(
        id=told.id,
        occurred=told.occurred,
        event=f"aftercommit.{told.key.kind}.{told.step.operation}",
        resource={
            RESOURCE_ID: resource_id(source, told.key),
            RESOURCE_NAME: told.name,
            **told.labels,
            SOURCE: source.name,
            **as_labels(ATTRIBUTION),
            REVISION: str(told.revision),
        },
        related=[*_related(source, profile, states, told), *as_related(ATTRIBUTION)],
        # The size of the states is not known, so the payload is always measured.
        payload=within(size_cap, _payload(told.step), size_cap),
        follows=told.follows,
    )


def build_gap(source: Source, relation: str, at: datetime, cause: str) -> Event:
    """Return the event that says that a change of a table was not captured. It has no revision."""
    return _gap(source, at, cause, {"table": relation})


def _gap(source: Source, at: datetime, cause: str, payload: JsonObject) -> Event:
    return Event(
        id=event_id(at, str(source.id), cause, "gap"),
        occurred=at,
        event="aftercommit.source.gap",
        resource={RESOURCE_ID: f"aftercommit.source.{source.name}", RESOURCE_NAME: source.name, SOURCE: source.name},
        related=[],
        payload=payload,
        follows=None,
    )


def build_skip(source: Source, key: ResourceKey, state: State, change: HeldChange) -> Event:
    """Return the event that takes the place of a change that an operator skips. The fields of the state stay.

    If the change has changed them, the next change of the resource starts from another state, and an event says so.
    """
    told = tell(source, key, state, Step("skipped", None, None), change.at, str(change.xid))
    return Event(
        id=told.id,
        occurred=told.occurred,
        event=f"aftercommit.{key.kind}.skipped",
        resource={
            RESOURCE_ID: resource_id(source, key),
            RESOURCE_NAME: told.name or key.key,
            SOURCE: source.name,
            **as_labels(ATTRIBUTION),
            REVISION: str(told.revision),
        },
        related=as_related(ATTRIBUTION),
        payload={"skipped": _skipped(change)},
        follows=told.follows,
    )


def build_unknown_skip(source: Source, change: HeldChange) -> Event:
    """Return the event for a skipped change whose resource could not be read. It has no revision."""
    payload = {"kind": change.kind, "skipped": _skipped(change)}
    return _gap(source, change.at, f"{change.xid}/{change.kind}", payload)


def _skipped(change: HeldChange) -> JsonObject:
    return {"reason": change.skip_reason, "error": change.error, "attempts": change.attempts}


def resource_id(source: Source, key: ResourceKey) -> str:
    """Return the id of a resource in events. No other source, and not our own registry, has the same."""
    return f"aftercommit.{source.name}.{key.kind}.{key.key}"


def _related(source: Source, profile: Profile, states: States, told: Told) -> Iterator[dict[str, str]]:
    """Yield the related resources, and those to which these refer: of a queue also its pool. Each role once."""
    seen: dict[tuple[str, ResourceKey], None] = {}
    waiting = list(related_keys(profile, told.key, told.references))
    while waiting:
        role, key = waiting.pop(0)
        if (role, key) in seen or key == told.key:
            continue
        seen[role, key] = None
        state = states.find(key)
        name = {RESOURCE_NAME: state.name} if state.name else {}
        yield {RESOURCE_ID: resource_id(source, key), **name, **state.labels, RESOURCE_ROLE: role}
        waiting += related_keys(profile, key, state.references)


def _payload(step: Step) -> JsonObject:
    before, after = step.before, step.after
    # Without this, an event of a resource that has passed by would not say whether the resource is there or gone.
    extra: dict[str, Any] = {"exists": after is not None} if step.operation == "resynced" else {}
    if before is None or after is None:
        return {**extra, "fields": after if after is not None else before}
    updates = changed_fields(before, after)
    return {**extra, "updated_fields": list(updates), "updates": updates}
