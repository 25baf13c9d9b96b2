"""The statements that change tracked rows. Each returns the exact before and after of every row it changed.

PostgreSQL 18's `RETURNING old.*, new.*` gives both in the statement itself, under the row's lock: created, updated
or unchanged is what the database did, and no clock or second read is asked.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    RowMapping,
    Table,
    and_,
    case,
    delete,
    func,
    literal,
    not_,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB, aggregate_order_by, insert
from sqlalchemy.orm import Session
from sqlalchemy.sql.selectable import NamedFromClause

from app.events.kinds import ResourceKind, Same
from app.events.snapshot import Change

TICK = timedelta(microseconds=1)


def upsert_row(
    session: Session,
    kind: ResourceKind,
    values: Mapping[str, Any],
    identity: Sequence[str],
    stays: Mapping[str, ColumnElement[Any] | None] | None = None,
) -> Change | None:
    """Insert a row, or update the one with the same `identity` columns where a given tracked field differs.

    Args:
        session: the open transaction.
        kind: the kind of the row.
        values: the columns to set.
        identity: the columns of the unique constraint that decides.
        stays: by field, what an existing row keeps where the expression is not NULL.

    Returns:
        The change, or None when the row exists and nothing differs; then nothing is written.
    """
    table = table_of(kind)
    insertion = insert(table).values(dict(values))
    fields = [field for field in values if field in kind.tracked]
    new_values = {
        field: insertion.excluded[field]
        if (kept := (stays or {}).get(field)) is None
        else func.coalesce(kept, insertion.excluded[field])
        for field in fields
    }
    assignments = {field: _kept_or_new(kind, table, field, new) for field, new in new_values.items()}
    statement = insertion.on_conflict_do_update(
        index_elements=list(identity),
        set_={**assignments, **_next_revision(table)},
        where=or_(*(_differs(kind, table, field, new) for field, new in new_values.items())),
    )
    old, new = _old_and_new(table)
    row = session.execute(statement.returning(*old, *new)).mappings().one_or_none()
    return _change(kind, table, row) if row is not None else None


def update_rows(
    session: Session, kind: ResourceKind, where: ColumnElement[bool], values: Mapping[str, Any]
) -> list[Change]:
    """Update the rows that match and in which a given field differs; return one change a row, by id."""
    table = table_of(kind)
    new_values = {field: _typed(table, field, value) for field, value in values.items()}
    assignments = {field: _kept_or_new(kind, table, field, new) for field, new in new_values.items()}
    differs = or_(*(_differs(kind, table, field, new) for field, new in new_values.items()))
    old, new = _old_and_new(table)
    statement = update(table).where(where, differs).values({**assignments, **_next_revision(table)})
    rows = session.execute(statement.returning(*old, *new)).mappings().all()
    return sorted((_change(kind, table, row) for row in rows), key=_by_id)


def delete_rows(session: Session, kind: ResourceKind, where: ColumnElement[bool]) -> list[Change]:
    """Delete the rows that match; return one change for each row that this transaction deleted, by id."""
    table = table_of(kind)
    columns = [column.label(f"old_{column.name}") for column in table.columns]
    statement = (
        delete(table)
        .where(where)
        .returning(
            *columns,
            func.uuidv7().label("deletion_id"),
            func.greatest(func.clock_timestamp(), table.c.updated + TICK).label("deletion_time"),
        )
    )
    changes = []
    for row in session.execute(statement).mappings():
        before = _part(table, row, "old")
        changes.append(Change(kind, before, None, row["deletion_id"], before["revision"] + 1, row["deletion_time"]))
    return sorted(changes, key=_by_id)


def table_of(kind: ResourceKind) -> Table:
    """Return the Core table of a kind that the registry stores."""
    assert kind.model is not None, f"{kind.name} is not stored here"
    table = kind.model.__table__
    assert isinstance(table, Table)
    return table


def _next_revision(table: Table) -> dict[str, ColumnElement[Any]]:
    return {
        "revision": table.c.revision + 1,
        "event_id": func.uuidv7(),
        # Evaluated under the row's lock, and always later than the change before, whatever the clock does.
        "updated": func.greatest(func.clock_timestamp(), table.c.updated + TICK),
    }


def _typed(table: Table, field: str, value: Any) -> ColumnElement[Any]:
    return literal(value, table.c[field].type)


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


def _old_and_new(table: Table) -> tuple[list[ColumnElement[Any]], list[ColumnElement[Any]]]:
    def labelled(alias: NamedFromClause[Any]) -> list[ColumnElement[Any]]:
        return [column.label(f"{alias.name}_{column.name}") for column in alias.columns]

    return labelled(table.alias("old")), labelled(table.alias("new"))


def _part(table: Table, row: RowMapping, prefix: str) -> dict[str, Any]:
    return {column.name: row[f"{prefix}_{column.name}"] for column in table.columns}


def _change(kind: ResourceKind, table: Table, row: RowMapping) -> Change:
    after = _part(table, row, "new")
    before = _part(table, row, "old") if row["old_id"] is not None else None
    return Change(kind, before, after, after["event_id"], after["revision"], after["updated"])


def _by_id(change: Change) -> UUID:
    id_: UUID = change.row["id"]
    return id_
