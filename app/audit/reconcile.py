"""The audit: proves in one statement that every committed change has exactly one event, in order.

The statement is the files in `PARTS`, one after the other. `history.sql` explains why it finds everything. It makes no
exceptions, so it may run while the service works.
"""

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Final

from sqlalchemy import text
from sqlalchemy.orm import Session

PARTS: Final = ("history.sql", "revisions.sql", "fields.sql", "findings.sql")

SHOWN_PER_PROBLEM: Final = 20
"""How many findings of each problem each part of the audit shows. All of them are counted."""


class Problem(StrEnum):
    """What can be wrong between the resources and their events."""

    LOST = "lost"
    """A committed change has neither an event nor a pending snapshot."""
    PHANTOM = "phantom"
    """An event or a pending snapshot belongs to no committed change."""
    DUPLICATE = "duplicate"
    """A change has more than one event or snapshot, or an id is used twice."""
    DISORDERED = "disordered"
    """The log or the history of a resource is out of order, or an event does not fit the one before it."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong. `resource_id` and `revision` are None when it concerns the log as a whole."""

    problem: Problem
    resource_id: str | None
    revision: int | None
    text: str


@dataclass(frozen=True, slots=True)
class Audit:
    """How much was checked and how many problems of each kind there are. `findings` shows some of them."""

    resources: int
    events: int
    pending: int
    lost: int
    phantom: int
    duplicate: int
    disordered: int
    findings: tuple[Finding, ...]

    @property
    def is_clean(self) -> bool:
        """Return whether there is no problem at all."""
        return self.lost == self.phantom == self.duplicate == self.disordered == 0


@lru_cache
def audit_sql() -> str:
    """Return the statement of the audit. Its only parameter, `:shown`, is written as SQLAlchemy and psql expect it."""
    folder = Path(__file__).parent
    return "\n".join((folder / part).read_text(encoding="utf-8") for part in PARTS)


def reconcile(session: Session) -> Audit:
    """Compare every tracked resource with the log and the outbox, in one snapshot of the database.

    It runs one statement in a read-only REPEATABLE READ transaction that it begins. So the session must not have begun
    a transaction. The caller ends the transaction.
    """
    assert not session.in_transaction(), "the audit needs a transaction of its own"
    session.connection(execution_options={"isolation_level": "REPEATABLE READ", "postgresql_readonly": True})
    rows = session.execute(text(audit_sql()), {"shown": SHOWN_PER_PROBLEM}).all()
    totals: dict[str | None, int] = {row.problem: row.total for row in rows}
    return Audit(
        resources=rows[0].resources,
        events=rows[0].events,
        pending=rows[0].pending,
        lost=totals.get(Problem.LOST, 0),
        phantom=totals.get(Problem.PHANTOM, 0),
        duplicate=totals.get(Problem.DUPLICATE, 0),
        disordered=totals.get(Problem.DISORDERED, 0),
        findings=tuple(
            Finding(Problem(row.problem), row.resource_id, row.revision, row.text)
            for row in rows
            if row.problem is not None
        ),
    )
