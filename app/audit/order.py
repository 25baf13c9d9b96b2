"""Walks through the history of each resource: what is missing in it, told twice, or out of its place."""

from typing import Any

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Select,
    Subquery,
    and_,
    case,
    cast,
    false,
    func,
    null,
    or_,
    select,
    true,
    union_all,
)

from app.audit.history import (
    REVISION_BEFORE,
    Problem,
    entries,
    event_name,
    finding,
    place,
    resource_id,
    resources,
    skip_event_name,
    status_operation,
)

FLAGS = ("is_gap", "is_second", "is_stranger", "is_misnamed", "is_unlinked", "is_too_early", "is_overtaken")
MISPLACED = FLAGS[3:]


def broken_histories() -> CompoundSelect[Any]:
    """Find what is wrong in the histories of the known resources, from revision 1 to the latest.

    What claims a later revision is no part of the history; `app.audit.log.phantoms` finds it.
    """
    judged = _judged()
    broken = select(judged).where(or_(*(judged.c[flag] for flag in FLAGS))).cte("broken")
    who = resource_id(broken.c.kind, broken.c.id)
    at = {"resource_id": who, "revision": broken.c.revision}
    first = broken.c.revision - broken.c.missing
    entry = place(broken.c.position)
    return union_all(
        finding(
            Problem.LOST,
            _missing(first, broken.c.revision - 1),
            resource_id=who,
            revision=first,
            amount=broken.c.missing,
        ).where(broken.c.is_gap),
        finding(Problem.DUPLICATE, func.concat(entry, " tells of a change that another one tells of."), **at).where(
            broken.c.is_second
        ),
        finding(
            Problem.PHANTOM, func.concat(entry, " is not the one that the resource names as its latest."), **at
        ).where(broken.c.is_stranger),
        finding(Problem.DISORDERED, _misplaced(broken, entry), **at).where(
            or_(*(broken.c[flag] for flag in MISPLACED))
        ),
    )


def _judged() -> Subquery:
    """Judge each entry by the one before it. An end mark makes changes at the end show as missing like any other.

    Where several entries claim the revision before, no one knows which is the right one to compare with: that they
    are several is the finding.
    """
    walk = _walk()
    entry = ~walk.c.is_end
    follower = and_(entry, walk.c.siblings_before == 1)
    missing = walk.c.revision - func.coalesce(walk.c.revision_before, 0) - 1
    operation = case(
        (walk.c.revision == 1, "created"),
        (and_(walk.c.latest_id.is_(None), walk.c.revision == walk.c.latest), "deleted"),
        else_=func.coalesce(status_operation(walk.c.status), "updated"),
    )
    flags = {
        "is_gap": and_(missing > 0, ~walk.c.is_told),
        # The same id twice is another finding, `app.audit.log.repeated_ids`.
        "is_second": and_(walk.c.is_told, walk.c.entry_id != walk.c.id_told),
        "is_stranger": and_(entry, walk.c.revision == walk.c.latest, ~walk.c.is_told, ~walk.c.names_latest),
        # An operator may have skipped a change, whatever it did.
        "is_misnamed": and_(
            entry, walk.c.event.not_in((event_name(walk.c.kind, operation), skip_event_name(walk.c.kind)))
        ),
        "is_unlinked": or_(
            and_(entry, walk.c.revision == 1, walk.c.follows.is_not(None)),
            and_(follower, missing == 0, walk.c.follows.is_distinct_from(walk.c.id_before)),
        ),
        "is_too_early": and_(follower, walk.c.occurred <= walk.c.occurred_before),
        "is_overtaken": and_(
            follower,
            walk.c.position.is_not(None),
            or_(walk.c.position_before.is_(None), walk.c.position <= walk.c.position_before),
        ),
    }
    return select(
        walk, missing.label("missing"), *(func.coalesce(flag, false()).label(name) for name, flag in flags.items())
    ).subquery("judged")


def _walk() -> Subquery:
    """Every entry of a known resource up to its latest revision and an end mark one beyond, beside the one before."""
    steps = _steps()
    history = (steps.c.id, steps.c.kind)
    before: dict[str, Any] = {"partition_by": history, "order_by": steps.c.revision, "groups": REVISION_BEFORE}
    same: dict[str, Any] = {"partition_by": history, "order_by": steps.c.revision, "groups": (0, 0)}
    sequence: dict[str, Any] = {"partition_by": history, "order_by": (steps.c.revision, steps.c.entry_id)}
    return select(
        steps,
        func.count().over(**before).label("siblings_before"),
        func.first_value(steps.c.revision).over(**before).label("revision_before"),
        func.first_value(steps.c.entry_id).over(**before).label("id_before"),
        func.first_value(steps.c.occurred).over(**before).label("occurred_before"),
        func.first_value(steps.c.position).over(**before).label("position_before"),
        # NULL, which is not false, for a buried resource: it names no latest event.
        func.bool_or(steps.c.entry_id == steps.c.latest_id).over(**same).label("names_latest"),
        func.coalesce(func.lag(steps.c.revision).over(**sequence) == steps.c.revision, false()).label("is_told"),
        func.lag(steps.c.entry_id).over(**sequence).label("id_told"),
    ).subquery("walk")


def _steps() -> Subquery:
    resource, entry = resources(), entries()
    known = (resource.c.kind, resource.c.id, resource.c.latest, resource.c.latest_id)
    told: Select[Any] = select(
        *known,
        entry.c.revision,
        entry.c.id.label("entry_id"),
        entry.c.event,
        entry.c.follows,
        entry.c.occurred,
        entry.c.position,
        entry.c.status,
        false().label("is_end"),
    ).join_from(
        resource, entry, and_(entry.c.resource_id == resource.c.resource_id, entry.c.revision <= resource.c.latest)
    )
    empty = [
        cast(null(), told.selected_columns[name].type)
        for name in ("entry_id", "event", "follows", "occurred", "position", "status")
    ]
    end = select(*known, resource.c.latest + 1, *empty, true())
    return union_all(told, end).subquery("step")


def _missing(first: ColumnElement[Any], last: ColumnElement[Any]) -> ColumnElement[str]:
    return case(
        (first == last, func.concat("Revision ", first, " has neither an event nor a pending snapshot.")),
        else_=func.concat("Revisions ", first, " to ", last, " have neither events nor pending snapshots."),
    )


def _misplaced(broken: Any, entry: ColumnElement[str]) -> ColumnElement[str]:
    reasons = {
        "is_misnamed": "is named for another operation than the one that took place",
        "is_unlinked": "does not follow the event of the revision before",
        "is_too_early": "did not occur after the revision before",
        "is_overtaken": "stands before the revision before in the log",
    }
    texts = [case((broken.c[flag], reason)) for flag, reason in reasons.items()]
    return func.concat(entry, " ", func.concat_ws(", and ", *texts), ".")
