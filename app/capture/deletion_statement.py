"""The statement that deletes tracked rows and buries them, built once for a kind and a condition."""

from functools import lru_cache
from itertools import chain
from typing import Any, Final

from sqlalchemy import CTE, ColumnElement, Select, Text, delete, func, literal, select
from sqlalchemy.dialects.postgresql import insert

from app.capture.kinds import KINDS
from app.capture.resource_kind import ResourceKind
from app.capture.statements import OLD, now_after_cause, table_of, time_parameter
from app.models import Tombstone

AT: Final = "deletion_occurred"
"""The parameter for the time of a deletion whose effects were written before it. NULL lets the clock tell it."""


def delete_statement(kind_name: str, where: ColumnElement[bool], *, once: bool) -> Select[Any]:
    """Return DELETE with the rows before, and the ids and the times of their deletion. It buries what it deletes."""
    return (_standing_delete if once else _delete)(kind_name, where)


def _delete(kind_name: str, where: ColumnElement[bool]) -> Select[Any]:
    deletion = delete(table_of(KINDS[kind_name])).where(where).returning(*_deleted_columns(kind_name))
    deleted = deletion.cte("deleted")
    return select(*deleted.c).add_cte(_burial(KINDS[kind_name], deleted))


_standing_delete = lru_cache(_delete)


def _deleted_columns(kind_name: str) -> tuple[ColumnElement[Any], ...]:
    """Return every column of the deleted row as `OLD...`, and the id and the time of its deletion."""
    table = table_of(KINDS[kind_name])
    return (
        *(column.label(f"{OLD}{column.name}") for column in table.columns),
        func.uuidv7().label("deletion_id"),
        func.coalesce(time_parameter(AT), now_after_cause(table)).label("deletion_time"),
    )


def _burial(kind: ResourceKind, deleted: CTE) -> CTE:
    """Store a tombstone for each deleted row: its last name stays readable for events that are built afterwards.

    It keeps the name, the columns that the kind's labels and edges need, and the revision of the deletion. A row that
    is buried already stays as it is.
    """
    described = chain.from_iterable((literal(name), deleted.c[f"{OLD}{name}"]) for name in kind.described_by)
    rows = select(
        deleted.c[f"{OLD}id"],
        literal(kind.name, Text),
        deleted.c[f"{OLD}name"],
        func.jsonb_build_object(*described),
        deleted.c[f"{OLD}revision"] + 1,
    )
    burial = insert(Tombstone).from_select(["id", "kind", "name", "attributes", "revision"], rows)
    return burial.on_conflict_do_nothing().cte("burial")
