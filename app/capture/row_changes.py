"""Changes tracked rows. Each function returns every row that it changed, exactly as it was before and after.

PostgreSQL 18's `RETURNING old..., new...` returns both in the statement itself, under the row's lock. So the database
decides whether a row was created, updated or unchanged; there is no second read, and no clock is compared. A column
that an update does not set has the same object in both rows.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, Table, func, literal, or_, select, update
from sqlalchemy.orm import Session

from app.capture.deletion_statement import AT, delete_statement
from app.capture.kind_classes import ResourceKind
from app.capture.snapshot import Change
from app.capture.statements import (
    CAUSE,
    NEW,
    OLD,
    TICK,
    Condition,
    Keep,
    Where,
    insert_statement,
    now,
    parameter,
    update_statement,
    upsert_statement,
)


def insert_row(
    session: Session, kind: ResourceKind, values: Mapping[str, Any], identity: tuple[str, ...]
) -> Change | None:
    """Insert a row with these columns, unless a row with the same `identity` columns exists, which stays unchanged.

    Of concurrent calls, exactly one returns a change. The others wait for it and return None.
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
    """Insert a row, or update the row with the same `identity` columns if a tracked field in `values` differs.

    Args:
        session: the open transaction.
        kind: the kind of the row.
        values: the columns to set.
        identity: the columns of a unique constraint.
        keeps: fields that an existing row keeps under a condition (see `Keep`).

    Returns:
        The change, or None if the row exists and nothing differs. Then nothing is written, but the row is locked.
    """
    statement = upsert_statement(kind.name, tuple(values), identity, keeps)
    row = session.execute(statement, dict(values)).mappings().one_or_none()
    if row is None:
        return None
    return _updated(kind, row) if row["old_id"] is not None else _created(kind, row)


def update_rows(
    session: Session,
    kind: ResourceKind,
    where: Where,
    values: Mapping[str, Any],
    *,
    cause: datetime | None = None,
) -> list[Change]:
    """Update the matching rows in which one of these values differs; return one change per row, ordered by id.

    Columns that are not tracked are updated too, but such an update alone is no change. `cause` is the time of the
    change that these changes result from; they occur later.
    """
    condition = Condition.of(where)
    tracked = {field: value for field, value in values.items() if field in kind.tracked}
    untracked = {name: values[name] for name in values.keys() - tracked.keys()}
    _update_untracked(session, kind.table, condition, untracked)
    if not tracked:
        return []
    statement = update_statement(condition, kind.name, tuple(tracked))
    new = {parameter(field): value for field, value in tracked.items()}
    parameters = {**new, CAUSE: cause, **condition.values()}
    rows = session.execute(statement, parameters).mappings().all()
    return sorted((_updated(kind, row) for row in rows), key=_by_id)


def delete_rows(
    session: Session,
    kind: ResourceKind,
    where: Where,
    *,
    at: datetime | None = None,
    cause: datetime | None = None,
) -> list[Change]:
    """Delete the matching rows; return one change per row that this transaction deleted, ordered by id.

    Args:
        session: the open transaction.
        kind: the kind of the rows.
        where: which rows to delete.
        at: the time of the deletions, as returned by `time_of_change`, if their effects had to be written first
            because of foreign keys.
        cause: the time of the change that these changes result from; they occur later.
    """
    condition = Condition.of(where)
    statement = delete_statement(condition, kind.name)
    changes = []
    for row in session.execute(statement, {AT: at, CAUSE: cause, **condition.values()}).mappings():
        before = _row_before_or_after(kind, row, OLD)
        changes.append(Change(kind, before, None, row["deletion_id"], before["revision"] + 1, row["deletion_time"]))
    return sorted(changes, key=_by_id)


def time_of_change(session: Session, locked: Sequence[RowMapping], cause: datetime | None = None) -> datetime:
    """Return the current time, but always later than the last changes of these locked rows and than `cause`."""
    clock: datetime = session.scalars(select(func.clock_timestamp())).one()
    earlier: list[datetime] = [row["updated"] for row in locked]
    if cause is not None:
        earlier.append(cause)
    return max([clock, *(time + TICK for time in earlier)])


def _update_untracked(session: Session, table: Table, condition: Condition, values: Mapping[str, Any]) -> None:
    if values:
        new = {name: literal(value, table.c[name].type) for name, value in values.items()}
        differs = or_(*(table.c[name].is_distinct_from(value) for name, value in new.items()))
        statement = update(table).where(condition.expression, differs).values({**new, "updated": now(table)})
        session.execute(statement, condition.values())


def _row_before_or_after(kind: ResourceKind, row: RowMapping, prefix: str) -> dict[str, Any]:
    return {column.name: row[f"{prefix}{column.name}"] for column in kind.table.columns}


def _created(kind: ResourceKind, row: RowMapping) -> Change:
    return _change(kind, None, _row_before_or_after(kind, row, NEW))


def _updated(kind: ResourceKind, row: RowMapping) -> Change:
    after = _row_before_or_after(kind, row, NEW)
    old = {name.removeprefix(OLD): value for name, value in row.items() if name.startswith(OLD)}
    return _change(kind, {**after, **old}, after)


def _change(kind: ResourceKind, before: dict[str, Any] | None, after: dict[str, Any]) -> Change:
    return Change(kind, before, after, after["event_id"], after["revision"], after["updated"])


def _by_id(change: Change) -> UUID:
    id_: UUID = change.row["id"]
    return id_
