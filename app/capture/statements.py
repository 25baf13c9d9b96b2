"""The statements on tracked rows, built once for a kind and the names of its fields.

Building such a statement costs several times what running it costs; what depends on values is bound at execution.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    DateTime,
    Table,
    bindparam,
    case,
    func,
    update,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.sql.dml import ReturningInsert, ReturningUpdate

from app.capture.kinds import KINDS
from app.capture.resource_kind import ResourceKind
from app.capture.sameness import NewValues, any_differs, kept_or_new

TICK: Final = timedelta(microseconds=1)

CAUSE: Final = "cause_occurred"
"""The parameter for the time of a change's cause: the change occurs later, whatever the clock does. NULL for none."""
OLD: Final = "old_"
NEW: Final = "new_"
"""What the names of returned columns begin with: the row before and after."""

Given = Mapping[str, Any] | None
"""The values of the named parameters of a condition that is made once; its statements are then built once too.

None for a condition that has its values in it: what is asked with it is built each time.
"""

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


def _assignment(kind: ResourceKind, new_values: NewValues, updated: ColumnElement[datetime]) -> Assignment:
    table = table_of(kind)
    return Assignment(
        {
            **{field: kept_or_new(kind, table, field, new) for field, new in new_values.items()},
            "revision": table.c.revision + 1,
            "event_id": func.uuidv7(),
            "updated": updated,
        },
        any_differs(kind, table, new_values),
    )


def now(table: Table) -> ColumnElement[datetime]:
    """Evaluated under the row's lock, and always later than the change before, whatever the clock does."""
    return func.greatest(func.clock_timestamp(), table.c.updated + TICK)


def now_after_cause(table: Table) -> ColumnElement[datetime]:
    """The same, and later than the change's cause, if it has one."""
    return func.greatest(now(table), time_parameter(CAUSE) + TICK)


def time_parameter(name: str) -> BindParameter[datetime]:
    """A parameter that holds a time, or NULL."""
    return bindparam(name, type_=DateTime(timezone=True))


@lru_cache
def insert_statement(kind_name: str, identity: tuple[str, ...]) -> ReturningInsert[Any]:
    """Return INSERT ... ON CONFLICT DO NOTHING, with the row after. The values are the parameters of the execution."""
    table = table_of(KINDS[kind_name])
    insertion = insert(table).on_conflict_do_nothing(index_elements=list(identity))
    return insertion.returning(*(column.label(f"{NEW}{column.name}") for column in table.columns))


@lru_cache(maxsize=512)
def upsert_statement(
    kind_name: str, columns: tuple[str, ...], identity: tuple[str, ...], keeps: tuple[Keep, ...]
) -> ReturningInsert[Any]:
    """Return INSERT ... ON CONFLICT DO UPDATE of these columns, with the row after, and of the one before
    what is set.

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
    ).returning(*_old_and_new(table, built))


@lru_cache(maxsize=512)
def update_parts(kind_name: str, fields: tuple[str, ...]) -> Assignment:
    """Return what an UPDATE of these fields sets, and its condition; the values are parameters of the execution."""
    kind = KINDS[kind_name]
    table = table_of(kind)
    new_values = {field: bindparam(parameter(field), type_=table.c[field].type) for field in fields}
    return _assignment(kind, new_values, now_after_cause(table))


def update_statement(
    kind_name: str, fields: tuple[str, ...], where: ColumnElement[bool], *, once: bool
) -> ReturningUpdate[Any]:
    """Return UPDATE of these fields where one differs, with the rows after and what they were before.

    It is built `once` for a condition whose values are `Given`.
    """
    return (_standing_update if once else _update)(kind_name, fields, where)


def _update(kind_name: str, fields: tuple[str, ...], where: ColumnElement[bool]) -> ReturningUpdate[Any]:
    built, table = update_parts(kind_name, fields), table_of(KINDS[kind_name])
    update_ = update(table).where(where, built.differs).values(built.assignments)
    return update_.returning(*_old_and_new(table, built))


_standing_update = lru_cache(maxsize=512)(_update)


def _old_and_new(table: Table, built: Assignment) -> list[ColumnElement[Any]]:
    """Return what is set as it was before, as `OLD...`, and every column after, as `NEW...`, for RETURNING.

    What is not set is the same before and after: it is read, sent and masked once.
    """
    old, new = table.alias("old"), table.alias("new")
    return [
        old.c.id.label(f"{OLD}id"),
        *(old.c[name].label(f"{OLD}{name}") for name in built.assignments),
        *(column.label(f"{NEW}{column.name}") for column in new.columns),
    ]


def parameter(field: str) -> str:
    """Return the name of the parameter that holds the new value of a field in an UPDATE."""
    return f"new_{field}"
