"""Snapshots that nobody but an operator decides on: which are parked, and giving them back or skipping them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Select, Uuid, and_, func, literal, select, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session, aliased, defer

from app.errors import Conflict, NotFound
from app.models import SnapshotRow

# What a snapshot holds may be large, or the very thing that nobody can read.
WITHOUT_STATES: Final = (defer(SnapshotRow.before), defer(SnapshotRow.after))


@dataclass(frozen=True, slots=True)
class Held:
    """A snapshot in the outbox, and how many later ones of the same resource wait behind it."""

    snapshot: SnapshotRow
    waiting: int


def parked(session: Session) -> list[Held]:
    """Return the parked snapshots without their states, those that were parked first at the beginning."""
    statement = _held().where(_is_parked()).order_by(SnapshotRow.parked, SnapshotRow.sequence)
    rows = session.execute(statement.options(*WITHOUT_STATES))
    return [Held(snapshot, waiting) for snapshot, waiting in rows]


def held(session: Session, snapshot_id: UUID) -> Held:
    """Return any snapshot that is in the outbox.

    Raises:
        NotFound: it is not there; it may be an event by now.
    """
    row = session.execute(_held().where(SnapshotRow.id == snapshot_id)).one_or_none()
    if row is None:
        raise _not_found(snapshot_id)
    return Held(row[0], row[1])


def replay(session: Session, snapshot_id: UUID | None) -> Sequence[SnapshotRow]:
    """Give a parked snapshot back to the workers, or with None every one, as if it had never failed; return them.

    The next sweep rings for them. The rows are locked, so of two operators who decide at once the second is told that
    it is not parked any more.

    Raises:
        NotFound: there is no such snapshot.
        Conflict: it is not parked.
    """
    rows = _lock_all(session) if snapshot_id is None else [_lock(session, snapshot_id)]
    _set(session, rows, attempts=0, deaths=0, error=None, parked=None, next_attempt=None, skip_reason=None)
    return rows


def skip(session: Session, snapshot_id: UUID, reason: str) -> SnapshotRow:
    """Have a parked snapshot's place in the log taken by an event that says that it was skipped, and why.

    It is due at once; the next sweep rings for it, and the later ones of its resource follow. Its attempts and its
    error stay with it until then.

    Raises:
        NotFound: there is no such snapshot.
        Conflict: it is not parked.
    """
    row = _lock(session, snapshot_id)
    _set(session, [row], deaths=0, parked=None, next_attempt=func.clock_timestamp(), skip_reason=reason)
    return row


def _held() -> Select[Any]:
    behind = aliased(SnapshotRow)
    waiting = (
        select(func.count())
        .where(
            behind.kind == SnapshotRow.kind,
            behind.resource_id == SnapshotRow.resource_id,
            behind.revision > SnapshotRow.revision,
        )
        .scalar_subquery()
    )
    return select(SnapshotRow, waiting)


def _is_parked() -> Any:
    # A parked snapshot has failed before; saying so lets the small index of failed ones find them.
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
        raise Conflict(f"Snapshot {snapshot_id} is not parked: it is dispatched without anybody's doing.")
    return row


def _not_found(snapshot_id: UUID) -> NotFound:
    return NotFound(f"There is no snapshot {snapshot_id} in the outbox: it may be an event by now.")


def _set(session: Session, rows: Sequence[SnapshotRow], **columns: Any) -> None:
    # One array and not a parameter for each: one bug may have parked more than a statement has parameters.
    ids = literal([row.id for row in rows], ARRAY(Uuid))
    session.execute(
        update(SnapshotRow).where(SnapshotRow.id == func.any(ids)).values(**columns),
        # The rows at hand keep what they were parked with: it is shown to the operator.
        execution_options={"synchronize_session": False},
    )
