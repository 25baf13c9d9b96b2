"""Folds the row changes of one foreign transaction into the net change of each resource: pure functions."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from app.errors import SourceChanged, UnfitRow
from app.postgres.base import JsonObject
from app.sources.profile import Profile, ProfileKind, ProfileTable


class ResourceKey(NamedTuple):
    """Identifies a resource within its source."""

    kind: str
    key: str


@dataclass(frozen=True, slots=True)
class RowChange:
    """One row of `aftercommit.row_change`. Without `old` and `new`, it marks a change that was not captured."""

    seq: int
    at: datetime
    relation: str
    old: JsonObject | None
    new: JsonObject | None


@dataclass(frozen=True, slots=True)
class ForeignTransaction:
    """The row changes of one committed transaction, in the order in which it made them."""

    xid: int
    changes: Sequence[RowChange]

    @property
    def last_seq(self) -> int:
        """The number of its last change. Transactions that touch the same row are in commit order by this number."""
        return self.changes[-1].seq

    @property
    def at(self) -> datetime:
        """The time of its last change."""
        return self.changes[-1].at


@dataclass(slots=True)
class NetRow:
    """What a transaction did to a row in all. None: there was, or is, no such row."""

    before: JsonObject | None
    after: JsonObject | None


@dataclass(slots=True)
class NetChange:
    """What a transaction did to a resource: to its own row, if at all, and to rows of its children by field and key."""

    row: NetRow | None = None
    children: dict[tuple[str, str], NetRow] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Place:
    """What the rows of a table are: a kind's own rows, or its children in `field`."""

    kind_name: str
    kind: ProfileKind
    table: ProfileTable
    field: str | None


def places(profile: Profile) -> dict[str, Place]:
    """Return what the rows of each table are, by the table's name in the profile."""
    found = {}
    for name, kind in profile.kinds.items():
        found[kind.table] = Place(name, kind, kind, None)
        for child_field, child in kind.children.items():
            found[child.table] = Place(name, kind, child, child_field)
    return found


def fold(known: Mapping[str, Place], changes: Sequence[RowChange]) -> dict[ResourceKey, NetChange]:
    """Return the net change of each resource, in the order in which they were first touched.

    Raises:
        UnfitRow: a row lacks a column that identifies it.
        SourceChanged: a table is not in the profile.
    """
    net: dict[ResourceKey, NetChange] = {}
    for (relation, key), row in _net_rows(known, changes).items():
        place = known[relation]
        if place.field is None:
            net.setdefault(ResourceKey(place.kind_name, key), NetChange()).row = row
            continue
        for parent, part in _by_parent(place, row):
            change = net.setdefault(ResourceKey(place.kind_name, parent), NetChange())
            change.children[place.field, key] = part
    return net


def _net_rows(known: Mapping[str, Place], changes: Sequence[RowChange]) -> dict[tuple[str, str], NetRow]:
    rows: dict[tuple[str, str], NetRow] = {}
    for change in changes:
        place = known.get(change.relation)
        if place is None:
            raise SourceChanged(f"A trigger is installed on {change.relation}, which the profile does not know.")
        for key, before, after in _sides(place.table, change):
            row = rows.setdefault((change.relation, key), NetRow(before, after))
            row.after = after
    return {
        place_and_key: row for place_and_key, row in rows.items() if row.before is not None or row.after is not None
    }


def _sides(table: ProfileTable, change: RowChange) -> Iterator[tuple[str, JsonObject | None, JsonObject | None]]:
    """Yield the key of the row with its state before and after. A row whose key changes is deleted and created."""
    old_key = None if change.old is None else column_text(change.old, table.key)
    new_key = None if change.new is None else column_text(change.new, table.key)
    if old_key is not None and old_key == new_key:
        yield old_key, change.old, change.new
        return
    if old_key is not None:
        yield old_key, change.old, None
    if new_key is not None:
        yield new_key, None, change.new


def _by_parent(place: Place, row: NetRow) -> Iterator[tuple[str, NetRow]]:
    """Yield the parents of a child's row. A row that moves leaves one parent and joins another."""
    child = place.kind.children[place.field or ""]
    old = None if row.before is None else _parent(row.before, child.parent)
    new = None if row.after is None else _parent(row.after, child.parent)
    if old is not None and old == new:
        yield old, row
        return
    if old is not None:
        yield old, NetRow(row.before, None)
    if new is not None:
        yield new, NetRow(None, row.after)


def _parent(row: JsonObject, column: str) -> str | None:
    return None if column in row and row[column] is None else column_text(row, column)


def column_text(row: Mapping[str, Any], column: str) -> str:
    """Return a column that identifies something, as text.

    Raises:
        UnfitRow: the row has no such column any more.
    """
    if row.get(column) is None:
        raise UnfitRow(f"A row has no {column}, which the profile needs. Was the column renamed?")
    return key_text(row[column])


def key_text(value: Any) -> str:
    """Return a key as text."""
    return value if isinstance(value, str) else json.dumps(value)


def related_keys(
    profile: Profile, key: ResourceKey, references: Mapping[str, str | None]
) -> Iterator[tuple[str, ResourceKey]]:
    """Yield the role and the key of each resource to which this one refers."""
    for edge in profile.kinds[key.kind].edges:
        other = references.get(edge.column)
        if other is not None:
            yield edge.role, ResourceKey(edge.kind, other)
