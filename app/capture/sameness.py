"""SQL conditions that compare the stored value of a tracked field with a new one, as `Same` defines it."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, Table, and_, case, func, not_, or_, select
from sqlalchemy.dialects.postgresql import JSONB, aggregate_order_by

from app.capture.resource_kind import ResourceKind, Same

NewValues = Mapping[str, ColumnElement[Any]]
"""The new values of tracked fields, by field."""


def any_differs(kind: ResourceKind, table: Table, new_values: NewValues) -> ColumnElement[bool]:
    """Return the condition that at least one of these tracked fields differs from its new value."""
    return or_(*(_differs(kind, table, field, new) for field, new in new_values.items()))


def kept_or_new(kind: ResourceKind, table: Table, field: str, new: ColumnElement[Any]) -> ColumnElement[Any]:
    """Return the value to store: the stored one if the new one is the same, so that events show only real changes."""
    old = table.c[field]
    if not isinstance(old.type, JSONB):
        return new
    return case((_differs(kind, table, field, new), new), else_=old)


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
    """Return the list of objects without their ids."""
    entry = func.jsonb_array_elements(entries).table_valued("value", with_ordinality="ordinality", name="entry")
    value = entry.c.value.op("-")("id")
    return select(func.jsonb_agg(aggregate_order_by(value, entry.c.ordinality))).select_from(entry).scalar_subquery()
