"""Builds the event of a snapshot and the diffs of its fields: pure functions, so a retry builds the same event."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from app.capture.attribution import as_labels, as_related
from app.capture.kind_classes import ResourceKind
from app.capture.kinds import kind_named
from app.errors import DispatchError
from app.models import SCHEMA_VERSION
from app.postgres.base import JsonObject
from app.schemas.event import OMITTED, RESOURCE_ID, RESOURCE_NAME, REVISION, Event, RelatedResource
from workers.claimed import Claimed

OUR_KEYS: Final = frozenset({"fields", "updated_fields", "updates"})
"""The keys of a payload that no kind may use for its `own_keys`."""

ID: Final = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")

MAX_NAME_BYTES: Final = 16 * 1024
"""The bytes that the names of the fields and of the resource take in a payload at most."""


def check(snapshot: Claimed) -> None:
    """Refuse a snapshot that this code cannot read, before anything is done with the rest of the batch.

    Raises:
        DispatchError: this code does not know its kind or its schema version, or its references are not ids.
    """
    if snapshot.schema_version > SCHEMA_VERSION:
        raise DispatchError(f"Snapshot schema {snapshot.schema_version} is newer than this worker's {SCHEMA_VERSION}.")
    kind = kind_named(snapshot.kind)
    for edge in kind.edges:
        id_ = snapshot.references.get(edge.column)
        if id_ is not None and not (isinstance(id_, str) and ID.fullmatch(id_)):
            raise DispatchError("The snapshot's references are not ids by column.")


def build(snapshot: Claimed, related: Sequence[RelatedResource], updates: JsonObject | None, size_cap: int) -> Event:
    """Return the event of a snapshot.

    If its payload is larger than `size_cap` bytes of JSON, the largest values are replaced by
    `{"$omitted": "<bytes>"}`, and `omitted_fields` names their fields. The other parts of an event are small: names of
    up to 500 characters, ids, and a pool's type.

    Args:
        snapshot: the snapshot, which `check` has accepted.
        related: the related resources, as `related_resources` returns them.
        updates: the field diffs, as `changed_fields` returns them; None for a creation or a deletion.
        size_cap: the limit for the payload, in bytes.

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
            **as_labels(snapshot.attribution),
        },
        related=[*related, *as_related(snapshot.attribution)],
        payload=within(size_cap, _payload(kind, snapshot, updates), snapshot.size),
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


def within(size_cap: int, payload: JsonObject, size_of_states: int) -> JsonObject:
    """Return the payload, with its largest values replaced if it is larger than `size_cap` bytes.

    `size_of_states` is the size of the states before and after the change, from which it is made.
    """
    # A payload holds each value of a state at most twice (the second time under one of the kind's own keys), and JSON
    # hardly changes its size. So most payloads need not be serialised to know that they are small enough.
    if 3 * size_of_states + MAX_NAME_BYTES <= size_cap:
        return payload
    whole = _size(payload)
    if whole <= size_cap:
        return payload
    # Copied two levels deep, because values at that level are replaced and the snapshot must stay as it is.
    payload = {key: dict(value) if isinstance(value, dict) else value for key, value in payload.items()}
    values = sorted(_values(payload), key=lambda value: -value[0])
    omitted: set[str] = set()
    # `omitted_fields` may have to name every field, so its size counts from the start.
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
    """List every value that may be replaced: its size, its field, the object that holds it, and its key there."""
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


def changed_fields(before: Mapping[str, Any], after: Mapping[str, Any]) -> JsonObject:
    """Return `{field: {"from": value, "to": value}}` for every field that differs, sorted by field.

    `before` with each `to` applied equals `after`. A field that is missing in one state counts as None there.
    """
    both = ((field, before.get(field), after.get(field)) for field in before.keys() | after.keys())
    # In most fields both sides are the same object, such as None or True.
    changed = {
        field: {"from": old, "to": new} for field, old, new in both if old is not new and not same_json(old, new)
    }
    return dict(sorted(changed.items()))


def same_json(left: Any, right: Any) -> bool:
    """Return whether PostgreSQL considers two JSON values equal: `1` equals `1.0`, but `true` does not equal `1`.

    In Python `True == 1`, which would hide that change.
    """
    return left is right or (bool(left == right) and _same_kinds(left, right))


def _same_kinds(left: Any, right: Any) -> bool:
    """Return whether two values that are equal in Python have their booleans in the same places."""
    if isinstance(left, dict):
        return _all_same_kinds(left.values(), map(right.get, left))
    if isinstance(left, list):
        return _all_same_kinds(left, right)
    return isinstance(left, bool) == isinstance(right, bool)


def _all_same_kinds(lefts: Iterable[Any], rights: Iterable[Any]) -> bool:
    # Most leaves are the same object on both sides, because the JSON reader reuses short texts and small numbers.
    for left, right in zip(lefts, rights, strict=True):
        if left is not right and not _same_kinds(left, right):
            return False
    return True
