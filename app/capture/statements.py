"""The statements on tracked rows, and the conditions that select these rows.

Building a statement costs several times as much as running it, so most are built once and get their values later.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache, wraps
from typing import Any, Concatenate, Final, ParamSpec, TypeVar, cast

from sqlalchemy import BindParameter, ColumnElement, DateTime, Table, bindparam, case, func, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.sql.dml import ReturningInsert, ReturningUpdate

from app.capture.kind_classes import ResourceKind
from app.capture.kinds import KINDS
from app.capture.sameness import NewValues, any_differs, kept_or_new

P = ParamSpec("P")
Statement = TypeVar("Statement")

CACHED_STATEMENTS: Final = 512

TICK: Final = timedelta(microseconds=1)

CAUSE: Final = "cause_occurred"
"""The parameter for the time of a change's cause, or NULL. The change occurs later, even if the clock is set back."""
OLD: Final = "old_"
NEW: Final = "new_"
"""The prefixes of the returned columns of the row before and after the change."""

Keep = tuple[str, str]
"""`(field, column)`: an existing row keeps its value of `field` as long as `column` is not NULL."""


@dataclass(frozen=True, slots=True)
class Condition:
    """An SQL condition whose values are bound when the statement runs.

    The expression must be a module constant that names its values with `bindparam`. The statements built with it are
    then cached, because building one costs several times as much as running it. An expression that contains its values
    needs no `Condition`; its statements are built for each call.
    """

    expression: ColumnElement[bool]
    parameters: Mapping[str, Any] | None = None

    @classmethod
    def of(cls, where: "Where") -> "Condition":
        """Return the condition itself, or a plain expression as a condition without parameters."""
        return where if isinstance(where, Condition) else cls(where)

    @property
    def has_cached_statements(self) -> bool:
        """Whether the statements built with this condition are cached."""
        return self.parameters is not None

    def values(self) -> dict[str, Any]:
        """Return the parameters for the execution of a statement."""
        return dict(self.parameters or {})


Where = ColumnElement[bool] | Condition
"""The type of a parameter that selects rows."""


def cached_for_condition(
    build: Callable[Concatenate[ColumnElement[bool], P], Statement],
) -> Callable[Concatenate[Condition, P], Statement]:
    """Make a function that builds a statement accept a `Condition`, and cache the statements of those with parameters.

    The other arguments are part of the cache key, so they must be hashable.
    """
    # `lru_cache` loses the types of the arguments.
    cached = cast("Callable[Concatenate[ColumnElement[bool], P], Statement]", lru_cache(CACHED_STATEMENTS)(build))

    @wraps(build)
    def build_or_reuse(condition: Condition, /, *args: P.args, **kwargs: P.kwargs) -> Statement:
        function = cached if condition.has_cached_statements else build
        return function(condition.expression, *args, **kwargs)

    return build_or_reuse


@dataclass(frozen=True, slots=True)
class Assignment:
    """The columns that an UPDATE sets, and the condition that a tracked field differs from its new value."""

    assignments: dict[str, ColumnElement[Any]]
    differs: ColumnElement[bool]


def _assignment(
    kind: ResourceKind, new_values: NewValues, updated: ColumnElement[datetime], *, takes_ids: bool = False
) -> Assignment:
    """Build the assignments. With `takes_ids`, new objects in a list take the ids of the stored ones."""
    table = kind.table
    return Assignment(
        {
            **{field: kept_or_new(kind, table, field, new, takes_ids) for field, new in new_values.items()},
            "revision": table.c.revision + 1,
            "event_id": func.uuidv7(),
            "updated": updated,
        },
        any_differs(kind, table, new_values),
    )


def now(table: Table) -> ColumnElement[datetime]:
    """Return the current time, but always later than the row's last change, even if the clock is set back.

    PostgreSQL evaluates it while it holds the row's lock.
    """
    return func.greatest(func.clock_timestamp(), table.c.updated + TICK)


def now_after_cause(table: Table) -> ColumnElement[datetime]:
    """Return `now`, but also later than the parameter `CAUSE`, unless that is NULL."""
    return func.greatest(now(table), time_parameter(CAUSE) + TICK)


def time_parameter(name: str) -> BindParameter[datetime]:
    """Return a parameter for a time or NULL."""
    return bindparam(name, type_=DateTime(timezone=True))


@lru_cache
def insert_statement(kind_name: str, identity: tuple[str, ...]) -> ReturningInsert[Any]:
    """Return INSERT ... ON CONFLICT DO NOTHING. It returns the inserted row."""
    table = KINDS[kind_name].table
    insertion = insert(table).on_conflict_do_nothing(index_elements=list(identity))
    return insertion.returning(*(column.label(f"{NEW}{column.name}") for column in table.columns))


@lru_cache(maxsize=512)
def upsert_statement(
    kind_name: str, columns: tuple[str, ...], identity: tuple[str, ...], keeps: tuple[Keep, ...]
) -> ReturningInsert[Any]:
    """Return INSERT ... ON CONFLICT DO UPDATE of these columns.

    It updates an existing row only if a tracked field differs. It returns the new row and the old values of the columns
    that the update sets.
    """
    kind = KINDS[kind_name]
    table = kind.table
    insertion = insert(table)
    new_values: dict[str, ColumnElement[Any]] = {
        field: insertion.excluded[field] for field in columns if field in kind.tracked
    }
    for field, column in keeps:
        new_values[field] = case((table.c[column].is_not(None), table.c[field]), else_=new_values[field])
    built = _assignment(kind, new_values, now(table), takes_ids=True)
    return insertion.on_conflict_do_update(
        index_elements=list(identity), set_=built.assignments, where=built.differs
    ).returning(*_old_and_new(table, built))


@lru_cache(maxsize=512)
def update_parts(kind_name: str, fields: tuple[str, ...]) -> Assignment:
    """Return the assignments of an UPDATE of these fields, and its condition."""
    kind = KINDS[kind_name]
    table = kind.table
    new_values = {field: bindparam(parameter(field), type_=table.c[field].type) for field in fields}
    return _assignment(kind, new_values, now_after_cause(table))


@cached_for_condition
def update_statement(where: ColumnElement[bool], kind_name: str, fields: tuple[str, ...]) -> ReturningUpdate[Any]:
    """Return UPDATE of these fields for the matching rows in which one differs.

    It returns the new rows and the old values of the columns that it sets.
    """
    built, table = update_parts(kind_name, fields), KINDS[kind_name].table
    statement = update(table).where(where, built.differs).values(built.assignments)
    return statement.returning(*_old_and_new(table, built))


def _old_and_new(table: Table, built: Assignment) -> list[ColumnElement[Any]]:
    """Return the columns of RETURNING: the columns that are set with prefix `OLD`, and all columns with prefix `NEW`.

    The other columns are the same before and after, so they are read, sent and masked only once.
    """
    old, new = table.alias("old"), table.alias("new")
    return [
        old.c.id.label(f"{OLD}id"),
        *(old.c[name].label(f"{OLD}{name}") for name in built.assignments),
        *(column.label(f"{NEW}{column.name}") for column in new.columns),
    ]


def parameter(field: str) -> str:
    """Return the name of the parameter for the new value of a field in an UPDATE."""
    return f"new_{field}"
