"""The statement that deletes tracked rows and writes their tombstones, built once for a kind and a condition."""

from itertools import chain
from typing import Any, Final

from sqlalchemy import CTE, ColumnElement, Select, Text, delete, func, literal, select
from sqlalchemy.dialects.postgresql import insert

from app.capture.kind_classes import ResourceKind
from app.capture.kinds import KINDS
from app.capture.statements import OLD, cached_for_condition, now_after_cause, time_parameter
from app.models import Tombstone

AT: Final = "deletion_occurred"
"""The parameter for the time of the deletion, if its effects were written before it. NULL: the database's clock."""


@cached_for_condition
def delete_statement(where: ColumnElement[bool], kind_name: str) -> Select[Any]:
    """Return the DELETE. It writes tombstones and returns each deleted row with the id and time of its deletion."""
    deletion = delete(KINDS[kind_name].table).where(where).returning(*_deleted_columns(kind_name))
    deleted = deletion.cte("deleted")
    return select(*deleted.c).add_cte(_tombstones(KINDS[kind_name], deleted))


def _deleted_columns(kind_name: str) -> tuple[ColumnElement[Any], ...]:
    """Return the columns of RETURNING: the row with the prefix `OLD`, and the id and time of its deletion."""
    table = KINDS[kind_name].table
    return (
        *(column.label(f"{OLD}{column.name}") for column in table.columns),
        func.uuidv7().label("deletion_id"),
        func.coalesce(time_parameter(AT), now_after_cause(table)).label("deletion_time"),
    )


def _tombstones(kind: ResourceKind, deleted: CTE) -> CTE:
    """Insert a tombstone for each deleted row, so that events that are built later can still read its last name.

    A tombstone has the name, the columns that the kind's labels and edges need, and the revision of the deletion. An
    existing tombstone stays unchanged.
    """
    attributes = chain.from_iterable((literal(name), deleted.c[f"{OLD}{name}"]) for name in kind.described_by)
    rows = select(
        deleted.c[f"{OLD}id"],
        literal(kind.name, Text),
        deleted.c[f"{OLD}name"],
        func.jsonb_build_object(*attributes),
        deleted.c[f"{OLD}revision"] + 1,
    )
    insertion = insert(Tombstone).from_select(["id", "kind", "name", "attributes", "revision"], rows)
    return insertion.on_conflict_do_nothing().cte("tombstones")
