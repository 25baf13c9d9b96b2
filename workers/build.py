"""Builds the event of a snapshot: pure, so a retry builds the same event again."""

import json
import re
from collections.abc import Sequence
from typing import Any, Final

from app.capture.kinds import kind_named
from app.capture.resource_kind import ResourceKind
from app.errors import DispatchError
from app.models import SCHEMA_VERSION
from app.postgres.engine import JsonObject
from app.schemas.event import OMITTED, RESOURCE_ID, RESOURCE_NAME, REVISION, Event, RelatedResource
from workers.claimed import Claimed

OUR_KEYS: Final = frozenset({"fields", "updated_fields", "updates"})
"""The keys of a payload that no kind has as its own."""

ID: Final = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")

NAMES_AT_MOST: Final = 16 * 1024
"""Bytes of what stands in a payload beside values of the states: the names of the fields and of the resource."""


def check(snapshot: Claimed) -> None:
    """Refuse a snapshot that this code cannot read, before anything is done with the ones beside it.

    Raises:
        DispatchError: it is of a kind or a schema version that this code does not know, or its references are none.
    """
    if snapshot.schema_version > SCHEMA_VERSION:
        raise DispatchError(f"Snapshot schema {snapshot.schema_version} is newer than this worker's {SCHEMA_VERSION}.")
    kind = kind_named(snapshot.kind)
    for edge in kind.edges:
        id_ = snapshot.references.get(edge.column)
        if id_ is not None and not (isinstance(id_, str) and ID.fullmatch(id_)):
            raise DispatchError("The snapshot's references are not ids by column.")


def build(snapshot: Claimed, related: Sequence[RelatedResource], updates: JsonObject | None, size_cap: int) -> Event:
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
            **snapshot.labels,
            REVISION: str(snapshot.revision),
        },
        related=list(related),
        payload=_within(size_cap, _payload(kind, snapshot, updates), snapshot.size),
        follows=snapshot.follows,
    )


def _payload(kind: ResourceKind, snapshot: Claimed, updates: JsonObject | None) -> JsonObject:
    fields = snapshot.after if snapshot.after is not None else snapshot.before
    if fields is None:
        raise DispatchError("The snapshot has no state before and none after.")
    own = {key: fields.get(key, snapshot.name) for key in kind.own_keys if key in fields or key == "name"}
    if updates is not None:
        return {**own, "updated_fields": list(updates), "updates": updates}
    return {**own, "fields": fields}


def _within(size_cap: int, payload: JsonObject, size_of_states: int) -> JsonObject:
    # Each value of a state stands in a payload twice at most, its own key being the second, and nearly as it was read.
    # So most need not be written out to know that they are small.
    if 3 * size_of_states + NAMES_AT_MOST <= size_cap:
        return payload
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
    values = [(_size(payload[key]), key, payload, key) for key in payload if key not in OUR_KEYS]
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
