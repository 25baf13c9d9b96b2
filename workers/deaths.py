"""Snapshots that kill their worker: death marks that survive the process, and parking at the third death.

A process that is killed, for example by the out-of-memory killer, cannot record that. So a careful worker marks its
snapshots *before* it works on them, in a separate transaction, and removes the marks afterwards. A mark that stays
means that a process died. Most messages are handled without marks, so that a batch costs one commit:

- A doorbell of the sweep is handled carefully: a snapshot whose worker lives rarely needs the sweep.
- A doorbell that is redelivered because its process died marks the snapshots that this process probably worked on.
- Snapshots with one mark are dispatched a few at a time, and those with two marks alone, each marked once more. So the
  neighbours of a deadly snapshot get dispatched, and the deadly one reaches its third mark.
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
"""The ORM must not update loaded rows: they keep what their claim has read."""


def deadly(snapshots: Sequence[Claimed]) -> dict[Claimed, Exception]:
    """Return those snapshots that have killed too many workers, each with its error."""
    error = DeadlySnapshot("The worker process died three times while it had this snapshot in hand.")
    return {snapshot: error for snapshot in snapshots if snapshot.deaths >= DEATHS}


def suspect(session: Session, snapshots: Sequence[Claimed]) -> None:
    """Mark these snapshots once for a process that died while it probably worked on them; keep marks that they have."""
    ids = [snapshot.id for snapshot in snapshots]
    session.execute(
        update(SnapshotRow).where(SnapshotRow.id.in_(ids), SnapshotRow.deaths == 0).values(deaths=1),
        execution_options=WITHOUT_ROWS,
    )


class Marks:
    """The marks that this process has set and still has to remove.

    There is one instance per process, for one thread. If the database is away when marks have to be removed, the
    process remembers them and removes them before its next claim. If it ends first, they count as deaths.
    """

    def __init__(self, sessions: sessionmaker[Session]) -> None:
        """Take the sessions for setting and removing marks, each in a transaction of its own."""
        self._sessions = sessions
        self._pending: set[UUID] = set()

    def set(self, snapshots: Sequence[Claimed]) -> None:
        """Mark these snapshots and commit. The caller holds their lane in another transaction."""
        self.remove()
        # Remembered before the commit, whose answer may get lost. Removing a mark that was not set does no harm.
        self._pending.update(snapshot.id for snapshot in snapshots)
        self._add(1)

    def forget(self, ids: Sequence[UUID]) -> None:
        """Forget the marks of these snapshots: they are events now, and the marks are gone with their rows."""
        if self._pending:
            self._pending.difference_update(ids)

    def remove(self) -> None:
        """Remove the marks that this process has set, and commit. Without marks, it sends no statement."""
        if self._pending:
            self._add(-1)
            self._pending.clear()

    def _add(self, number: int) -> None:
        with self._sessions() as session, session.begin():
            session.execute(
                update(SnapshotRow)
                .where(SnapshotRow.id.in_(self._pending))
                .values(deaths=func.greatest(SnapshotRow.deaths + number, 0)),
                execution_options=WITHOUT_ROWS,
            )
