"""Builds the event of a snapshot: pure, so a retry builds the same event again."""

import json
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from app.database import JsonObject
from app.errors import DispatchError
from app.events.kinds import kind_named
from app.events.schema import OMITTED, RESOURCE_ID, RESOURCE_NAME, REVISION, Event, RelatedResource
from app.models import SCHEMA_VERSION, SnapshotRow


def check(snapshot: SnapshotRow) -> None:
    """Refuse a snapshot that this code cannot read, before anything is done with the ones beside it.

    Raises:
        DispatchError: it is of a kind or a schema version that this code does not know, or its references are none.
    """
    if snapshot.schema_version > SCHEMA_VERSION:
        raise DispatchError(f"Snapshot schema {snapshot.schema_version} is newer than this worker's {SCHEMA_VERSION}.")
    kind = kind_named(snapshot.kind)
    if not all(_is_id(snapshot.references.get(edge.column)) for edge in kind.edges):
        raise DispatchError("The snapshot's references are not ids by column.")


def _is_id(value: object) -> bool:
    try:
        return value is None or str(UUID(str(value))) == value
    except ValueError:
        return False


def build(
    snapshot: SnapshotRow, related: Sequence[RelatedResource], updates: JsonObject | None, size_cap: int
) -> Event:
    """Return the event of a snapshot, with the related resources that were found for it.

    `updates` are the field diffs, as `changed_fields` returns them; None for a creation or a deletion.

    The payload holds at most `size_cap` bytes of JSON: beyond, the largest values are replaced by
    `{"$omitted": "<bytes>"}` and `omitted_fields` names their fields. Beside it there are
    labels, which are short: names of up to 500 characters, and a pool's type.

    Raises:
        DispatchError: the snapshot is of an unknown kind, or has no state at all.
    """
    kind = kind_named(snapshot.kind)
    return Event(
        id=snapshot.id,
        occurred=snapshot.occurred,
        event=kind.event_name(snapshot.operation),
        resource={
            RESOURCE_ID: kind.resource_id(snapshot.resource_id),
            RESOURCE_NAME: snapshot.name,
            REVISION: str(snapshot.revision),
        },
        related=list(related),
        payload=_within(size_cap, _payload(snapshot, updates)),
        follows=snapshot.follows,
    )


def _payload(snapshot: SnapshotRow, updates: JsonObject | None) -> JsonObject:
    if updates is not None:
        return {"updated_fields": list(updates), "updates": updates}
    fields = snapshot.after if snapshot.after is not None else snapshot.before
    if fields is None:
        raise DispatchError("The snapshot has no state before and none after.")
    return {"fields": fields}


def _within(size_cap: int, payload: JsonObject) -> JsonObject:
    whole = _size(payload)
    if whole <= size_cap:
        return payload
    # Copied two levels deep, since the values to replace stand there and the snapshot's own must stay.
    payload = {key: dict(value) if isinstance(value, dict) else value for key, value in payload.items()}
    values = sorted(_values(payload), key=lambda value: -value[0])
    omitted: set[str] = set()
    # The names of all fields that may have to be named count from the start.
    excess = whole + _size({"omitted_fields": [field for _, field, _, _ in values]}) - size_cap
    for size, field, holder, key in values:
        replacement = {OMITTED: str(size)}
        saved = size - _size(replacement)
        if excess <= 0 or saved <= 0:
            break
        holder[key] = replacement
        omitted.add(field)
        excess -= saved
    return {**payload, "omitted_fields": sorted(omitted)}


def _values(payload: JsonObject) -> list[tuple[int, str, JsonObject, str]]:
    """List every replaceable value: its size, its field, and where it stands."""
    values = []
    fields: JsonObject = payload.get("fields", {})
    for field in fields:
        values.append((_size(fields[field]), field, fields, field))
    updates: JsonObject = payload.get("updates", {})
    for field in updates:
        updates[field] = dict(updates[field])
        values.extend((_size(updates[field][side]), field, updates[field], side) for side in ("from", "to"))
    return values


def _size(value: Any) -> int:
    return len(json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "surrogatepass"))
