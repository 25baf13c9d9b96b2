"""The audit: one look at the database that proves that every committed change has its one event, in order.

A revision counts the committed changes of a resource. In whatever instant the database is looked at, each revision
from 1 to the latest is the revision of exactly one entry: an event in the log or a snapshot in the outbox, because a
snapshot is stored in the transaction of its change and is deleted in the transaction that appends its event. So the
audit exempts nothing and may run while the service works.
"""

from collections import Counter
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from app.audit.chain import broken_chains
from app.audit.history import Problem, resources
from app.audit.log import broken_positions, phantoms, repeated_ids
from app.audit.order import broken_histories
from app.models import EventRow, SnapshotRow

SHOWN_PER_PROBLEM: Final = 20
"""How many findings of each problem each check shows; all of them are counted."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong. `resource_id` and `revision` are None where it is about the log as a whole."""

    problem: Problem
    resource_id: str | None
    revision: int | None
    text: str


@dataclass(frozen=True, slots=True)
class Audit:
    """How much was checked and how many problems of each sort there are; `findings` shows some of them."""

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
        """Tell whether nothing at all is wrong."""
        return self.lost == self.phantom == self.duplicate == self.disordered == 0


def reconcile(session: Session) -> Audit:
    """Compare every tracked resource with the log and the outbox, in one snapshot of the database.

    It runs six statements, whatever is stored, in a read-only REPEATABLE READ transaction that it begins; so the
    session must not have begun one. The transaction is the caller's to end.
    """
    assert not session.in_transaction(), "the audit needs a transaction of its own"
    session.connection(execution_options={"isolation_level": "REPEATABLE READ", "postgresql_readonly": True})
    checked = session.execute(_sizes()).one()
    counts: Counter[Problem] = Counter()
    findings: list[Finding] = []
    for check in (broken_histories(), broken_chains(), phantoms(), repeated_ids(), broken_positions()):
        totals: dict[Problem, int] = {}
        for row in session.execute(_bounded(check)):
            problem = Problem(row.problem)
            totals[problem] = int(row.total)
            findings.append(Finding(problem, row.resource_id, row.revision, row.text))
        counts.update(totals)
    order = list(Problem)
    return Audit(
        resources=checked.resources,
        events=checked.events,
        pending=checked.pending,
        lost=counts[Problem.LOST],
        phantom=counts[Problem.PHANTOM],
        duplicate=counts[Problem.DUPLICATE],
        disordered=counts[Problem.DISORDERED],
        findings=tuple(sorted(findings, key=lambda finding: order.index(finding.problem))),
    )


def _sizes() -> Select[Any]:
    resource = resources()
    return select(
        select(func.count()).select_from(resource).scalar_subquery().label("resources"),
        select(func.count(EventRow.revision)).scalar_subquery().label("events"),
        select(func.count(SnapshotRow.id)).scalar_subquery().label("pending"),
    )


def _bounded(check: Any) -> Select[Any]:
    """Give each finding the total of its problem, and let the first few of each pass: Python never gets them all."""
    found = check.subquery("found")
    order = (found.c.resource_id, found.c.revision, found.c.text)
    numbered = select(
        found,
        func.sum(found.c.amount).over(partition_by=found.c.problem).label("total"),
        func.row_number().over(partition_by=found.c.problem, order_by=order).label("number"),
    ).subquery("numbered")
    return (
        select(numbered).where(numbered.c.number <= SHOWN_PER_PROBLEM).order_by(numbered.c.problem, numbered.c.number)
    )
