"""The held changes of sources: lists them, and replays or skips the parked ones, as an operator decides."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from app.errors import Conflict, NotFound
from app.models import HeldChange, Source


@dataclass(frozen=True, slots=True)
class HeldCount:
    """How many changes of a source are held, and how many of these are parked."""

    held: int
    parked: int


def held_transactions(session: Session, source_id: UUID) -> Sequence[int]:
    """Return the transactions of a source that must not be deleted in its database, because a change is held."""
    return session.scalars(select(HeldChange.xid).where(HeldChange.source_id == source_id).distinct()).all()


def forget_held(session: Session, source_id: UUID) -> None:
    """Forget the held changes of a source that is detached: its row changes are given up."""
    session.execute(delete(HeldChange).where(HeldChange.source_id == source_id))


def count_held(session: Session, source_id: UUID) -> HeldCount:
    """Return how many changes of a source are held."""
    counts = select(func.count(), func.count(HeldChange.parked)).where(HeldChange.source_id == source_id)
    return HeldCount(*session.execute(counts).one())


def list_failed(session: Session, name: str | None = None) -> Sequence[tuple[HeldChange, str]]:
    """Return the held changes that failed, with the names of their sources; those that failed first come first."""
    statement = (
        select(HeldChange, Source.name)
        .join(Source, Source.id == HeldChange.source_id)
        .where(HeldChange.attempts > 0)
        .order_by(Source.name, HeldChange.last_seq, HeldChange.kind, HeldChange.key)
    )
    if name is not None:
        statement = statement.where(Source.name == name)
    return [(change, source) for change, source in session.execute(statement)]


def replay_held(session: Session, change_id: UUID) -> HeldChange:
    """Let the workers try a parked change as if it had never failed; the later changes of its resource follow.

    Raises:
        NotFound: there is no such change. It may have become an event.
        Conflict: it is not parked.
    """
    change = _lock(session, change_id)
    change.attempts, change.error, change.parked, change.skip_reason = 0, None, None, None
    return change


def skip_held(session: Session, change_id: UUID, reason: str) -> HeldChange:
    """Give up a parked change: its event will only say that it was skipped, and why.

    Raises:
        NotFound: there is no such change. It may have become an event.
        Conflict: it is not parked.
    """
    change = _lock(session, change_id)
    change.parked, change.next_attempt, change.skip_reason = None, func.clock_timestamp(), reason
    return change


def _lock(session: Session, change_id: UUID) -> HeldChange:
    # The worker locks the source and not this row, so the source is locked first.
    source_id = select(HeldChange.source_id).where(HeldChange.id == change_id).scalar_subquery()
    session.execute(select(Source.id).where(Source.id == source_id).with_for_update(key_share=True))
    change = session.scalar(select(HeldChange).where(HeldChange.id == change_id))
    if change is None:
        raise NotFound(f"No change {change_id} is held. It may have become an event.")
    if change.parked is None:
        raise Conflict(
            f"The change {change_id} is not parked. The workers try it again without an operator's decision."
        )
    return change
