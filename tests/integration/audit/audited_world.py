"""A small database without violations, with deployments in all states. A test breaks one thing and runs the audit."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, update
from sqlalchemy.orm import Session

from app.audit.reconcile import Audit, reconcile
from app.models import EventRow, SnapshotRow
from tests.integration.audit.lives import Life, append


@dataclass
class AuditedWorld:
    """Four deployments: settled, busy (two changes pending), gone (deleted), and going (its deletion pending)."""

    session: Session
    settled: Life
    busy: Life
    gone: Life
    going: Life
    last: int = 0

    def change_event(self, life: Life, revision: int, **columns: Any) -> None:
        """Change columns of the event of that revision."""
        where = (EventRow.resource_id == life.resource_id, EventRow.revision == revision)
        self.session.execute(update(EventRow).where(*where).values(**columns))

    def change_snapshot(self, life: Life, revision: int, **columns: Any) -> None:
        """Change columns of the pending snapshot of that revision."""
        where = (SnapshotRow.resource_id == life.id, SnapshotRow.revision == revision)
        self.session.execute(update(SnapshotRow).where(*where).values(**columns))

    def drop_snapshot(self, life: Life, revision: int) -> None:
        """Delete the pending snapshot of that revision, as if it had never been stored."""
        where = (SnapshotRow.resource_id == life.id, SnapshotRow.revision == revision)
        self.session.execute(delete(SnapshotRow).where(*where))

    def append(self, row: EventRow) -> None:
        """Append an event at the next position."""
        append(self.session, row)

    def audit(self) -> Audit:
        """Commit and audit."""
        self.session.commit()
        found = reconcile(self.session)
        self.session.rollback()
        return found

    def problems(self) -> dict[str, int]:
        """Commit, audit, and return the non-zero counts."""
        found = self.audit()
        counts = {name: getattr(found, name) for name in ("lost", "phantom", "duplicate", "disordered")}
        assert found.is_clean == (not any(counts.values()))
        assert {finding.problem.value for finding in found.findings} == {name for name, n in counts.items() if n}
        return {name: count for name, count in counts.items() if count}
