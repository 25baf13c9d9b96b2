"""SQL conditions that compare the stored value of a tracked field with a new one, as `Same` defines it."""

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Subquery,
    Table,
    TableValuedAlias,
    and_,
    case,
    func,
    literal_column,
    not_,
    or_,
    select,
)
from sqlalchemy.dialects.postgresql import JSONB, aggregate_order_by

from app.capture.kind_classes import ResourceKind, Same

EMPTY: Final[ColumnElement[Any]] = literal_column("'[]'::jsonb")
JSON_NULL: Final[ColumnElement[Any]] = literal_column("'null'::jsonb")

NewValues = Mapping[str, ColumnElement[Any]]
"""The new values of tracked fields, by field."""


def any_differs(kind: ResourceKind, table: Table, new_values: NewValues) -> ColumnElement[bool]:
    """Return the condition that at least one of these tracked fields differs from its new value."""
    return or_(*(_differs(kind, table, field, new) for field, new in new_values.items()))


def kept_or_new(
    kind: ResourceKind, table: Table, field: str, new: ColumnElement[Any], takes_ids: bool
) -> ColumnElement[Any]:
    """Return the value to store: the stored one if the new one is the same, so that events show only real changes.

    With `takes_ids`, the objects of a `SAME_CONTENT` list take the ids of the stored ones.
    """
    old = table.c[field]
    if not isinstance(old.type, JSONB):
        return new
    value = _with_stored_ids(old, new) if takes_ids and kind.tracked[field] is Same.SAME_CONTENT else new
    return case((_differs(kind, table, field, new), value), else_=old)


def _with_stored_ids(old: ColumnElement[Any], new: ColumnElement[Any]) -> ColumnElement[Any]:
    """Return the new list of objects; an object takes the id of a stored one with the same slug, or the same content.

    Of several equal objects without a slug, each takes the id of another one.
    """
    stored, submitted = _numbered_copies(old, "stored"), _numbered_copies(new, "submitted")
    is_same = and_(stored.c.identity == submitted.c.identity, stored.c.copy == submitted.c.copy)
    id_ = func.coalesce(stored.c.value.op("->")("id"), submitted.c.value.op("->")("id"))
    value = submitted.c.value.op("||")(func.jsonb_build_object("id", id_))
    entries = func.jsonb_agg(aggregate_order_by(value, submitted.c.ordinality))
    statement = select(func.coalesce(entries, EMPTY)).select_from(submitted.outerjoin(stored, is_same))
    return statement.scalar_subquery()


def _numbered_copies(entries: ColumnElement[Any], name: str) -> Subquery:
    """Select the objects, each with its slug or else its content, and its number among those with the same one."""
    entry = _entries(entries)
    without_id = entry.c.value.op("-")("id")
    slug = func.nullif(entry.c.value.op("->")("slug"), JSON_NULL)
    identity = func.coalesce(slug, without_id)
    copy = func.row_number().over(partition_by=identity, order_by=entry.c.ordinality)
    columns = (entry.c.value, entry.c.ordinality, identity.label("identity"), copy.label("copy"))
    return select(*columns).select_from(entry).subquery(name)


def _differs(kind: ResourceKind, table: Table, field: str, new: ColumnElement[Any]) -> ColumnElement[bool]:
    old = table.c[field]
    match kind.tracked[field]:
        case Same.UNORDERED:
            return not_(and_(old.op("@>")(new), old.op("<@")(new)))
        case Same.SAME_CONTENT:
            return _content(old).is_distinct_from(_content(new))
        case _:
            return old.is_distinct_from(new)


def _content(entries: ColumnElement[Any]) -> ColumnElement[Any]:
    """Return the objects without their ids, in an order that depends only on their content."""
    entry = _entries(entries)
    value = entry.c.value.op("-")("id")
    return select(func.jsonb_agg(aggregate_order_by(value, value))).select_from(entry).scalar_subquery()


def _entries(entries: ColumnElement[Any]) -> TableValuedAlias:
    return func.jsonb_array_elements(entries).table_valued("value", with_ordinality="ordinality", name="entry")
