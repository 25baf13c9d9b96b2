"""The statements on tracked rows, built once for a kind and the names of its fields.

Building such a statement costs several times what running it costs; what depends on values is bound at execution.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import BindParameter, ColumnElement, DateTime, Table, and_, bindparam, case, func, not_, or_, select
from sqlalchemy.dialects.postgresql import JSONB, aggregate_order_by, insert
from sqlalchemy.sql.dml import ReturningInsert
from sqlalchemy.sql.selectable import NamedFromClause

from app.events.kinds import KINDS
from app.events.resource_kind import ResourceKind, Same

TICK: Final = timedelta(microseconds=1)

CAUSE: Final = "cause_occurred"
"""The parameter for the time of a change's cause: the change occurs later, whatever the clock does. NULL for none."""
AT: Final = "deletion_occurred"
"""The parameter for the time of a deletion whose effects were written before it. NULL lets the clock tell it."""

Keep = tuple[str, str]
"""A field that an existing row keeps while its other column, named second, is not NULL."""


def table_of(kind: ResourceKind) -> Table:
    """Return the Core table of a kind that the registry stores."""
    assert kind.model is not None, f"{kind.name} is not stored here"
    table = kind.model.__table__
    assert isinstance(table, Table)
    return table


@dataclass(frozen=True, slots=True)
class Assignment:
    """What an update sets, and the condition that something differs."""

    assignments: dict[str, ColumnElement[Any]]
    differs: ColumnElement[bool]


def _assignment(
    kind: ResourceKind, new_values: Mapping[str, ColumnElement[Any]], updated: ColumnElement[datetime]
) -> Assignment:
    table = table_of(kind)
    return Assignment(
        {
            **{field: _kept_or_new(kind, table, field, new) for field, new in new_values.items()},
            "revision": table.c.revision + 1,
            "event_id": func.uuidv7(),
            "updated": updated,
        },
        or_(*(_differs(kind, table, field, new) for field, new in new_values.items())),
    )


def now(table: Table) -> ColumnElement[datetime]:
    """Evaluated under the row's lock, and always later than the change before, whatever the clock does."""
    return func.greatest(func.clock_timestamp(), table.c.updated + TICK)


def _now_after_cause(table: Table) -> ColumnElement[datetime]:
    return func.greatest(now(table), _time(CAUSE) + TICK)


def _time(name: str) -> BindParameter[datetime]:
    return bindparam(name, type_=DateTime(timezone=True))


@lru_cache
def insert_statement(kind_name: str, identity: tuple[str, ...]) -> ReturningInsert[Any]:
    """Return INSERT ... ON CONFLICT DO NOTHING, with the row after. The values are the parameters of the execution."""
    table = table_of(KINDS[kind_name])
    insertion = insert(table).on_conflict_do_nothing(index_elements=list(identity))
    return insertion.returning(*(column.label(f"new_{column.name}") for column in table.columns))


@lru_cache(maxsize=512)
def upsert_statement(
    kind_name: str, columns: tuple[str, ...], identity: tuple[str, ...], keeps: tuple[Keep, ...]
) -> ReturningInsert[Any]:
    """Return INSERT ... ON CONFLICT DO UPDATE of these columns, with the rows before and after.

    It updates only where a tracked field differs. The values are the parameters of the execution.
    """
    kind = KINDS[kind_name]
    table = table_of(kind)
    insertion = insert(table)
    new_values: dict[str, ColumnElement[Any]] = {
        field: insertion.excluded[field] for field in columns if field in kind.tracked
    }
    for field, while_set in keeps:
        new_values[field] = case((table.c[while_set].is_not(None), table.c[field]), else_=new_values[field])
    built = _assignment(kind, new_values, now(table))
    return insertion.on_conflict_do_update(
        index_elements=list(identity), set_=built.assignments, where=built.differs
    ).returning(*old_and_new(kind_name))


@lru_cache(maxsize=512)
def update_parts(kind_name: str, fields: tuple[str, ...]) -> Assignment:
    """Return what an UPDATE of these fields sets, and its condition; the values are parameters of the execution."""
    kind = KINDS[kind_name]
    table = table_of(kind)
    new_values = {field: bindparam(parameter(field), type_=table.c[field].type) for field in fields}
    return _assignment(kind, new_values, _now_after_cause(table))


@lru_cache
def old_and_new(kind_name: str) -> tuple[ColumnElement[Any], ...]:
    """Return every column of the row before, as `old_...`, and after, as `new_...`, for RETURNING."""

    def labelled(alias: NamedFromClause[Any]) -> list[ColumnElement[Any]]:
        return [column.label(f"{alias.name}_{column.name}") for column in alias.columns]

    table = table_of(KINDS[kind_name])
    return (*labelled(table.alias("old")), *labelled(table.alias("new")))


@lru_cache
def deleted_columns(kind_name: str) -> tuple[ColumnElement[Any], ...]:
    """Return every column of the deleted row as `old_...`, and the id and the time of its deletion."""
    table = table_of(KINDS[kind_name])
    return (
        *(column.label(f"old_{column.name}") for column in table.columns),
        func.uuidv7().label("deletion_id"),
        func.coalesce(_time(AT), _now_after_cause(table)).label("deletion_time"),
    )


def parameter(field: str) -> str:
    """Return the name of the parameter that holds the new value of a field in an UPDATE."""
    return f"new_{field}"


def _differs(kind: ResourceKind, table: Table, field: str, new: ColumnElement[Any]) -> ColumnElement[bool]:
    old = table.c[field]
    match kind.tracked[field]:
        case Same.UNORDERED:
            return not_(and_(old.op("@>")(new), old.op("<@")(new)))
        case Same.SAME_CONTENT:
            return _content(old).is_distinct_from(_content(new))
        case _:
            return old.is_distinct_from(new)


def _kept_or_new(kind: ResourceKind, table: Table, field: str, new: ColumnElement[Any]) -> ColumnElement[Any]:
    """Keep the stored value where the new one counts as the same, so that an event shows real changes only."""
    old = table.c[field]
    if not isinstance(old.type, JSONB):
        return new
    return case((_differs(kind, table, field, new), new), else_=old)


def _content(entries: ColumnElement[Any]) -> ColumnElement[Any]:
    """The list of objects without their ids."""
    entry = func.jsonb_array_elements(entries).table_valued("value", with_ordinality="ordinality", name="entry")
    value = entry.c.value.op("-")("id")
    return select(func.jsonb_agg(aggregate_order_by(value, entry.c.ordinality))).select_from(entry).scalar_subquery()
