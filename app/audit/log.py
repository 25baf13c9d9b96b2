"""Looks at the log as a whole: what belongs to no resource, ids that are used twice, and positions."""

from typing import Any

from sqlalchemy import BigInteger, CompoundSelect, Select, case, func, or_, select, union_all

from app.audit.history import Problem, entries, finding, place, resources
from app.capture.kinds import tracked_kinds
from app.models import EventLog, EventRow, SnapshotRow


def phantoms() -> Select[Any]:
    """Find the events and pending snapshots that no committed change of a known resource made."""
    resource, entry = resources(), entries()
    is_tracked = or_(
        *(entry.c.resource_id.startswith(kind.resource_id(""), autoescape=True) for kind in tracked_kinds())
    )
    reason = case(
        (~is_tracked, "is about no tracked kind of resource"),
        (resource.c.id.is_(None), "is about a resource that never existed"),
        (
            entry.c.revision > resource.c.latest,
            func.concat("is beyond the latest revision, which is ", resource.c.latest),
        ),
        (entry.c.is_void, "tells of an update that changed nothing"),
    )
    return (
        finding(
            Problem.PHANTOM,
            func.concat(place(entry.c.position), " ", reason, "."),
            resource_id=entry.c.resource_id,
            revision=entry.c.revision,
        )
        .join_from(entry, resource, entry.c.resource_id == resource.c.resource_id, isouter=True)
        .where(reason.is_not(None))
    )


def repeated_ids() -> Select[Any]:
    """Find the ids that more than one event or snapshot has."""
    used = union_all(select(EventRow.id), select(SnapshotRow.id)).subquery("used")
    times = func.count()
    return (
        finding(
            Problem.DUPLICATE,
            func.concat("The id ", used.c.id, " is used ", times, " times in the log and the outbox."),
            amount=times - 1,
        )
        .select_from(used)
        .group_by(used.c.id)
        .having(times > 1)
    )


def broken_positions() -> CompoundSelect[Any]:
    """Find where the log's positions do not count 1, 2, 3, and a head row that does not name the last one."""
    steps = select(
        EventRow.position, func.lag(EventRow.position, 1, 0).over(order_by=EventRow.position).label("before")
    ).subquery("step")
    jump = finding(
        Problem.DISORDERED, func.concat("Position ", steps.c.position, " comes after position ", steps.c.before, ".")
    ).where(steps.c.position != steps.c.before + 1)
    last = func.coalesce(select(func.max(EventRow.position)).scalar_subquery(), 0)
    head = select(EventLog.position).scalar_subquery()
    wrong_head = finding(
        Problem.DISORDERED,
        func.concat(
            "The log's head is ", func.coalesce(head.cast(BigInteger), 0), ", its last event is at position ", last, "."
        ),
    ).where(head.is_distinct_from(last))
    return union_all(jump, wrong_head)
