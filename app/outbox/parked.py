"""Lists parked snapshots, and replays or skips them. An operator decides on each parked snapshot."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Select, Text, Uuid, and_, cast, func, literal, select, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session, aliased, defer

from app.errors import Conflict, NotFound
from app.models import SnapshotRow

# The states of a snapshot may be large, and a parked snapshot may even be unreadable.
WITHOUT_STATES: Final = (defer(SnapshotRow.before), defer(SnapshotRow.after))

States = tuple[str | None, str | None]


@dataclass(frozen=True, slots=True)
class OutboxEntry:
    """A snapshot in the outbox, and how many later snapshots of the same resource wait for it."""

    snapshot: SnapshotRow
    waiting: int


def list_parked(session: Session) -> list[OutboxEntry]:
    """Return the parked snapshots without their states. Those that were parked first come first."""
    statement = _select_entries().where(_is_parked()).order_by(SnapshotRow.parked, SnapshotRow.sequence)
    rows = session.execute(statement.options(*WITHOUT_STATES))
    return [OutboxEntry(snapshot, waiting) for snapshot, waiting in rows]


def read_entry(session: Session, snapshot_id: UUID) -> tuple[OutboxEntry, States]:
    """Return a snapshot in the outbox, parked or not, and the texts of its states before and after the change.

    Raises:
        NotFound: the outbox has no such snapshot. It may have become an event.
    """
    states = (cast(SnapshotRow.before, Text), cast(SnapshotRow.after, Text))
    statement = _select_entries().add_columns(*states).where(SnapshotRow.id == snapshot_id)
    row = session.execute(statement.options(*WITHOUT_STATES)).one_or_none()
    if row is None:
        raise _not_found(snapshot_id)
    return OutboxEntry(row[0], row[1]), (row[2], row[3])


def replay(session: Session, snapshot_id: UUID | None) -> Sequence[SnapshotRow]:
    """Return a parked snapshot to the workers as if it had never failed; with None, return all parked snapshots.

    The next sweep rings for them. The rows are locked: if two operators decide on the same snapshot at once, the second
    one gets `Conflict`.

    Returns:
        The rows, with the values that they had while they were parked.

    Raises:
        NotFound: there is no such snapshot.
        Conflict: the snapshot is not parked.
    """
    rows = _lock_all(session) if snapshot_id is None else [_lock(session, snapshot_id)]
    _set(session, rows, attempts=0, deaths=0, error=None, parked=None, next_attempt=None, skip_reason=None)
    return rows


def skip(session: Session, snapshot_id: UUID, reason: str) -> SnapshotRow:
    """Mark a parked snapshot as skipped, so that its event only says that it was skipped, and why; return the row.

    The snapshot is due at once: the next sweep rings for it, and then the resource's later snapshots follow. It keeps
    its attempts and its error until then.

    Raises:
        NotFound: there is no such snapshot.
        Conflict: the snapshot is not parked.
    """
    row = _lock(session, snapshot_id)
    _set(session, [row], deaths=0, parked=None, next_attempt=func.clock_timestamp(), skip_reason=reason)
    return row


def _select_entries() -> Select[Any]:
    later = aliased(SnapshotRow)
    waiting = (
        select(func.count())
        .where(
            later.kind == SnapshotRow.kind,
            later.resource_id == SnapshotRow.resource_id,
            later.revision > SnapshotRow.revision,
        )
        .scalar_subquery()
    )
    return select(SnapshotRow, waiting)


def _is_parked() -> Any:
    # Every parked snapshot has failed attempts. The redundant condition makes PostgreSQL use the small partial index.
    return and_(SnapshotRow.parked.is_not(None), SnapshotRow.attempts > 0)


def _lock_all(session: Session) -> Sequence[SnapshotRow]:
    statement = select(SnapshotRow).where(_is_parked()).order_by(SnapshotRow.sequence)
    return session.scalars(statement.options(*WITHOUT_STATES).with_for_update()).all()


def _lock(session: Session, snapshot_id: UUID) -> SnapshotRow:
    statement = select(SnapshotRow).where(SnapshotRow.id == snapshot_id)
    row = session.scalar(statement.options(*WITHOUT_STATES).with_for_update())
    if row is None:
        raise _not_found(snapshot_id)
    if row.parked is None:
        raise Conflict(f"Snapshot {snapshot_id} is not parked. The workers dispatch it without an operator's decision.")
    return row


def _not_found(snapshot_id: UUID) -> NotFound:
    return NotFound(f"There is no snapshot {snapshot_id} in the outbox. It may have become an event.")


def _set(session: Session, rows: Sequence[SnapshotRow], **columns: Any) -> None:
    # One array instead of many parameters: a bug may have parked more rows than a statement can have parameters.
    ids = literal([row.id for row in rows], ARRAY(Uuid))
    session.execute(
        update(SnapshotRow).where(SnapshotRow.id == func.any(ids)).values(**columns),
        # The loaded rows keep their old values, which are shown to the operator.
        execution_options={"synchronize_session": False},
    )
