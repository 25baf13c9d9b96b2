"""The changes of tracked rows. Each function returns the exact before and after of every row it changed.

PostgreSQL 18's `RETURNING old.*, new.*` gives both in the statement itself, under the row's lock: created, updated
or unchanged is what the database did, and no clock or second read is asked.
"""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, RowMapping, Table, delete, update
from sqlalchemy.orm import Session

from app.crud.tracked_statements import (
    Keep,
    deleted_columns,
    old_and_new,
    parameter,
    table_of,
    update_parts,
    upsert_statement,
)
from app.events.kinds import ResourceKind
from app.events.snapshot import Change


def upsert_row(
    session: Session,
    kind: ResourceKind,
    values: Mapping[str, Any],
    identity: tuple[str, ...],
    keeps: tuple[Keep, ...] = (),
) -> Change | None:
    """Insert a row, or update the one with the same `identity` columns where a given tracked field differs.

    Args:
        session: the open transaction.
        kind: the kind of the row.
        values: the columns to set.
        identity: the columns of the unique constraint that decides.
        keeps: fields that an existing row keeps under a condition.

    Returns:
        The change, or None when the row exists and nothing differs; then nothing is written, but the row is locked.
    """
    statement = upsert_statement(kind.name, tuple(values), identity, keeps)
    row = session.execute(statement, dict(values)).mappings().one_or_none()
    return _change(kind, row) if row is not None else None


def update_rows(
    session: Session, kind: ResourceKind, where: ColumnElement[bool], values: Mapping[str, Any]
) -> list[Change]:
    """Update the rows that match and in which a given field differs; return one change a row, by id."""
    table = table_of(kind)
    built = update_parts(kind.name, tuple(values))
    statement = update(table).where(where, built.differs).values(built.assignments).returning(*old_and_new(kind.name))
    parameters = {parameter(field): value for field, value in values.items()}
    rows = session.execute(statement, parameters).mappings().all()
    return sorted((_change(kind, row) for row in rows), key=_by_id)


def delete_rows(session: Session, kind: ResourceKind, where: ColumnElement[bool]) -> list[Change]:
    """Delete the rows that match; return one change for each row that this transaction deleted, by id."""
    table = table_of(kind)
    statement = delete(table).where(where).returning(*deleted_columns(kind.name))
    changes = []
    for row in session.execute(statement).mappings():
        before = _part(table, row, "old")
        changes.append(Change(kind, before, None, row["deletion_id"], before["revision"] + 1, row["deletion_time"]))
    return sorted(changes, key=_by_id)


def _part(table: Table, row: RowMapping, prefix: str) -> dict[str, Any]:
    return {column.name: row[f"{prefix}_{column.name}"] for column in table.columns}


def _change(kind: ResourceKind, row: RowMapping) -> Change:
    table = table_of(kind)
    after = _part(table, row, "new")
    before = _part(table, row, "old") if row["old_id"] is not None else None
    return Change(kind, before, after, after["event_id"], after["revision"], after["updated"])


def _by_id(change: Change) -> UUID:
    id_: UUID = change.row["id"]
    return id_
