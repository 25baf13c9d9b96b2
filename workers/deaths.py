"""Snapshots that kill their worker: marks that outlive the process, and parking at the third death.

A process that is killed, as the out-of-memory killer does it, records nothing. So a careful worker marks what it takes
in hand *before* it begins, in a transaction of its own, and takes the marks back afterwards. What stays is the mark of
a process that died. Normal doorbells are not careful, so that a batch costs one commit:

- The sweep's doorbell is careful: a doorbell that is answered in time needs no sweep.
- A doorbell that came again since its process died makes suspects of what that process probably had in hand.
- Whoever meets snapshots with one mark takes a few of them together, and one with two marks alone, marked once more.
  So the neighbours of a deadly snapshot clear themselves, and it reaches its third mark.
"""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from sqlalchemy import func, update
from sqlalchemy.orm import Session, sessionmaker

from app.errors import DeadlySnapshot
from app.models import SnapshotRow
from workers.claimed import Claimed

DEATHS: Final = 3
"""Deaths before a snapshot is parked."""

WITHOUT_ROWS: Final = {"synchronize_session": False}
"""The rows at hand are not written to: what they say is what their claim read."""


def deadly(snapshots: Sequence[Claimed]) -> dict[Claimed, Exception]:
    """Return those of them that nobody may touch any more, each with its reason."""
    error = DeadlySnapshot("The worker process died three times while it had this snapshot in hand.")
    return {snapshot: error for snapshot in snapshots if snapshot.deaths >= DEATHS}


def suspect(session: Session, snapshots: Sequence[Claimed]) -> None:
    """Count the unmarked death of the process that probably had these in hand; what has a mark already keeps it."""
    ids = [snapshot.id for snapshot in snapshots]
    session.execute(
        update(SnapshotRow).where(SnapshotRow.id.in_(ids), SnapshotRow.deaths == 0).values(deaths=1),
        execution_options=WITHOUT_ROWS,
    )


class Marks:
    """The marks that this process has put and has to take back: as many for a snapshot as it added.

    There is one of it in a process, for one thread. When the database is away just then, the process still knows what
    it owes, and takes it back before its next claim. Until then, or if it ends before, the mark reads as a death.
    """

    def __init__(self, sessions: sessionmaker[Session]) -> None:
        """Take the sessions in which marks are put and taken back, each in a transaction of its own."""
        self._sessions = sessions
        self._owed: set[UUID] = set()

    def put(self, snapshots: Sequence[Claimed]) -> None:
        """Mark these and commit; the caller holds their lane in another transaction and has not changed them."""
        self.take_back()
        # Owed from here on: when the answer to the commit is lost, the mark may be there. One too few is no harm.
        self._owed.update(snapshot.id for snapshot in snapshots)
        self._add(1)

    def forget(self, ids: Sequence[UUID]) -> None:
        """Owe nothing for these: they are events now, and their marks went with their rows."""
        if self._owed:
            self._owed.difference_update(ids)

    def take_back(self) -> None:
        """Take back what is owed, and commit; without a debt the database is not asked."""
        if self._owed:
            self._add(-1)
            self._owed.clear()

    def _add(self, number: int) -> None:
        with self._sessions() as session, session.begin():
            session.execute(
                update(SnapshotRow)
                .where(SnapshotRow.id.in_(self._owed))
                .values(deaths=func.greatest(SnapshotRow.deaths + number, 0)),
                execution_options=WITHOUT_ROWS,
            )
