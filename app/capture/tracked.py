"""The changes of tracked rows. Each function returns the exact before and after of every row it changed.

PostgreSQL 18's `RETURNING old..., new...` gives both in the statement itself, under the row's lock: created, updated
or unchanged is what the database did, and no clock or second read is asked. Of a column that an update does not set
both have the same object.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, RowMapping, Table, func, literal, or_, select, update
from sqlalchemy.orm import Session

from app.capture.deletion_statement import AT, delete_statement
from app.capture.resource_kind import ResourceKind
from app.capture.snapshot import Change
from app.capture.statements import (
    CAUSE,
    NEW,
    OLD,
    TICK,
    Given,
    Keep,
    insert_statement,
    now,
    parameter,
    table_of,
    update_statement,
    upsert_statement,
)


def insert_row(
    session: Session, kind: ResourceKind, values: Mapping[str, Any], identity: tuple[str, ...]
) -> Change | None:
    """Insert a row with these columns, unless one with the same `identity` columns exists: that one stays as it is.

    Of any number of concurrent calls exactly one returns a change; the others wait for it and return None.
    """
    row = session.execute(insert_statement(kind.name, identity), dict(values)).mappings().one_or_none()
    return _created(kind, row) if row is not None else None


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
    if row is None:
        return None
    return _updated(kind, row) if row["old_id"] is not None else _created(kind, row)


def update_rows(
    session: Session,
    kind: ResourceKind,
    where: ColumnElement[bool],
    values: Mapping[str, Any],
    *,
    given: Given = None,
    cause: datetime | None = None,
) -> list[Change]:
    """Update the rows that match and in which a given field differs; return one change a row, by id.

    A given column that is not tracked is written too, where it differs, and that alone is no change. `given` are the
    condition's parameters. `cause` is the time of the change that this one follows from: it occurs later.
    """
    tracked = {field: value for field, value in values.items() if field in kind.tracked}
    untracked = {name: values[name] for name in values.keys() - tracked.keys()}
    _update_untracked(session, table_of(kind), where, untracked, given)
    if not tracked:
        return []
    statement = update_statement(kind.name, tuple(tracked), where, once=given is not None)
    new = {parameter(field): value for field, value in tracked.items()}
    parameters = {**new, CAUSE: cause, **(given or {})}
    rows = session.execute(statement, parameters).mappings().all()
    return sorted((_updated(kind, row) for row in rows), key=_by_id)


def delete_rows(
    session: Session,
    kind: ResourceKind,
    where: ColumnElement[bool],
    *,
    given: Given = None,
    at: datetime | None = None,
    cause: datetime | None = None,
) -> list[Change]:
    """Delete the rows that match; return one change for each row that this transaction deleted, by id.

    A deletion that must be written after its effects, since they refer to the row, occurred at the time `at` that
    `moment` told. `given` are the condition's parameters. `cause` is the time of the change that this one follows
    from: it occurs later.
    """
    statement = delete_statement(kind.name, where, once=given is not None)
    changes = []
    for row in session.execute(statement, {AT: at, CAUSE: cause, **(given or {})}).mappings():
        before = _part(kind, row, OLD)
        changes.append(Change(kind, before, None, row["deletion_id"], before["revision"] + 1, row["deletion_time"]))
    return sorted(changes, key=_by_id)


def moment(session: Session, locked: Sequence[RowMapping], cause: datetime | None = None) -> datetime:
    """Return the time, which is later than the latest change of each of these locked rows, and than the cause."""
    clock: datetime = session.scalars(select(func.clock_timestamp())).one()
    latest: list[datetime] = [row["updated"] for row in locked]
    return max([clock, *(time + TICK for time in [*latest, *([cause] if cause is not None else [])])])


def _update_untracked(
    session: Session, table: Table, where: ColumnElement[bool], values: Mapping[str, Any], given: Given
) -> None:
    if values:
        new = {name: literal(value, table.c[name].type) for name, value in values.items()}
        differs = or_(*(table.c[name].is_distinct_from(value) for name, value in new.items()))
        session.execute(update(table).where(where, differs).values({**new, "updated": now(table)}), given)


def _part(kind: ResourceKind, row: RowMapping, prefix: str) -> dict[str, Any]:
    return {column.name: row[f"{prefix}{column.name}"] for column in table_of(kind).columns}


def _created(kind: ResourceKind, row: RowMapping) -> Change:
    return _change(kind, None, _part(kind, row, NEW))


def _updated(kind: ResourceKind, row: RowMapping) -> Change:
    after = _part(kind, row, NEW)
    was = {name.removeprefix(OLD): value for name, value in row.items() if name.startswith(OLD)}
    return _change(kind, {**after, **was}, after)


def _change(kind: ResourceKind, before: dict[str, Any] | None, after: dict[str, Any]) -> Change:
    return Change(kind, before, after, after["event_id"], after["revision"], after["updated"])


def _by_id(change: Change) -> UUID:
    id_: UUID = change.row["id"]
    return id_
