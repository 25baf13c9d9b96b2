"""Follows each field of each resource through its history: every value that a change starts from must be the last."""

from typing import Any

from sqlalchemy import (
    CTE,
    BigInteger,
    ColumnElement,
    Integer,
    Select,
    Subquery,
    Text,
    and_,
    case,
    cast,
    column,
    func,
    literal,
    null,
    select,
    true,
    union_all,
)
from sqlalchemy.dialects.postgresql import JSONB, aggregate_order_by
from sqlalchemy.sql.selectable import TableValuedAlias

from app.audit.history import (
    REVISION_BEFORE,
    Problem,
    entries,
    finding,
    place,
    resource_id,
    resources,
    skip_event_name,
)
from app.models import EventRow, SnapshotRow
from app.schemas.event import OMITTED


def broken_chains() -> Select[Any]:
    """Find the changes that do not start from the value that the change of the same field before left.

    A resource that lost a change is left out, since its chains are broken by that loss, which is found elsewhere.
    A value that was too large for its event is not known and is compared with nothing. Neither is what a field was
    told to be before a skipped change, which may have changed it; what is told after the skip is compared again.
    """
    link = _links()
    at = (link.c.kind, link.c.id, link.c.revision, link.c.position)
    fields = func.string_agg(link.c.field, aggregate_order_by(literal(", "), link.c.field))
    return (
        finding(
            Problem.DISORDERED,
            func.concat(place(link.c.position), " does not start from the values before it, in: ", fields, "."),
            resource_id=resource_id(link.c.kind, link.c.id),
            revision=link.c.revision,
        )
        .where(
            link.c.siblings_before == 1,
            link.c.old.is_distinct_from(link.c.new_before),
            ~_is_omitted(link.c.old),
            ~_is_omitted(link.c.new_before),
        )
        .group_by(*at)
    )


def _links() -> Subquery:
    """Every change of a field beside what the change of this field before left, and how many claim to be that one."""
    change = _changes()
    before: dict[str, Any] = {
        "partition_by": (change.c.id, change.c.kind, change.c.field, change.c.skipped_before),
        "order_by": change.c.revision,
        "groups": REVISION_BEFORE,
    }
    return select(
        change,
        func.count().over(**before).label("siblings_before"),
        func.first_value(change.c.new).over(**before).label("new_before"),
    ).subquery("link")


def _changes() -> Subquery:
    """Each field of each change: the value it starts from and the one it leaves, NULL where there is none.

    `skipped_before` counts the skipped changes of the resource before this one; it is NULL when there are none at all.
    """
    complete = _complete()
    return union_all(_logged(complete), _pending(complete)).subquery("change")


def _logged(complete: CTE) -> Select[*tuple[Any, ...]]:
    updates, fields = EventRow.payload["updates"], EventRow.payload["fields"]
    told = _each(func.coalesce(updates, fields))
    is_update, is_end = updates.is_not(None), EventRow.event.endswith(".deleted")
    return (
        select(
            complete.c.kind,
            complete.c.id,
            cast(EventRow.revision, BigInteger).label("revision"),
            EventRow.position,
            told.c.key.label("field"),
            case((is_update, told.c.value["from"]), (is_end, told.c.value)).label("old"),
            case((is_update, told.c.value["to"]), (~is_end, told.c.value)).label("new"),
            func.width_bucket(EventRow.revision, complete.c.skips).label("skipped_before"),
        )
        .join_from(EventRow, complete, EventRow.resource_id == complete.c.resource_id)
        .join(told, true())
        .where(EventRow.revision <= complete.c.latest)
    )


def _pending(complete: CTE) -> Select[*tuple[Any, ...]]:
    held = _each(func.coalesce(SnapshotRow.after, SnapshotRow.before))
    old, new = cast(SnapshotRow.before, JSONB)[held.c.key], cast(SnapshotRow.after, JSONB)[held.c.key]
    return (
        select(
            complete.c.kind,
            complete.c.id,
            SnapshotRow.revision,
            cast(null(), BigInteger),
            held.c.key,
            old,
            new,
            func.width_bucket(SnapshotRow.revision, complete.c.skips),
        )
        .join_from(
            SnapshotRow,
            complete,
            and_(SnapshotRow.kind == complete.c.kind, SnapshotRow.resource_id == complete.c.id),
        )
        .join(held, true())
        .where(SnapshotRow.revision <= complete.c.latest, old.is_distinct_from(new))
    )


def _complete() -> CTE:
    """The known resources of which every revision up to the latest is in the log or pending.

    `skips` are the revisions that were skipped, in order, or NULL.
    """
    resource, entry = resources(), entries()
    columns = (resource.c.kind, resource.c.id, resource.c.resource_id, resource.c.latest)
    is_skip = entry.c.event == skip_event_name(resource.c.kind)
    skips = func.array_agg(aggregate_order_by(cast(entry.c.revision, Integer), entry.c.revision)).filter(is_skip)
    return (
        select(*columns, skips.label("skips"))
        .join_from(resource, entry, resource.c.resource_id == entry.c.resource_id)
        .where(entry.c.revision <= resource.c.latest)
        .group_by(*columns)
        .having(func.count(entry.c.revision.distinct()) == resource.c.latest)
        .cte("complete")
    )


def _each(holder: ColumnElement[Any]) -> TableValuedAlias:
    """The keys and values of a JSON object; none if it is something else, which would be an error in PostgreSQL."""
    fields = case((func.jsonb_typeof(holder) == "object", holder))
    return func.jsonb_each(fields).table_valued(column("key", Text), column("value", JSONB))


def _is_omitted(value: ColumnElement[Any]) -> ColumnElement[bool]:
    return and_(func.jsonb_typeof(value) == "object", value.op("?", is_comparison=True)(OMITTED))
