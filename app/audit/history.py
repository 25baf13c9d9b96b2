"""What the audit compares: the tracked resources, and the entries of their histories in the log and the outbox.

Everything here builds SQL and runs nothing.
"""

from enum import StrEnum
from typing import Any, Final

from sqlalchemy import (
    CTE,
    BigInteger,
    ColumnElement,
    FrameClause,
    FrameClauseType,
    Select,
    Subquery,
    Text,
    Uuid,
    and_,
    case,
    cast,
    exists,
    false,
    func,
    literal,
    null,
    or_,
    select,
    union_all,
)
from sqlalchemy.dialects.postgresql import JSONB

from app.capture.kinds import STATUS, tracked_kinds
from app.capture.snapshot import STATUS_OPERATIONS
from app.capture.statements import table_of
from app.models import EventRow, SnapshotRow, Tombstone

REVISION_BEFORE: Final = FrameClause(1, 1, FrameClauseType.PRECEDING, FrameClauseType.PRECEDING)
"""The frame of the rows at the revision before, in GROUPS mode. It is one object, so that windows that are the same
have the same bind parameters: PostgreSQL then computes them in one pass."""

NOTHING: Final = cast(literal("{}", Text), JSONB)


class Problem(StrEnum):
    """What can be wrong between the resources and their events."""

    LOST = "lost"
    """A committed change has neither an event nor a pending snapshot."""
    PHANTOM = "phantom"
    """An event or a pending snapshot belongs to no committed change."""
    DUPLICATE = "duplicate"
    """A change has more than one event or snapshot, or an id is used twice."""
    DISORDERED = "disordered"
    """The log, or the history of a resource, is not in order or does not hang together."""


def finding(
    problem: Problem, text: ColumnElement[str], *, resource_id: Any = None, revision: Any = None, amount: Any = 1
) -> Select[Any]:
    """Return a SELECT of the columns that every check yields: one row is one finding, `amount` counts its problems.

    The text names places, revisions and fields; it never quotes a value.
    """
    columns: list[ColumnElement[Any]] = [
        literal(problem.value, Text).label("problem"),
        cast(resource_id, Text).label("resource_id"),
        cast(revision, BigInteger).label("revision"),
        cast(text, Text).label("text"),
        cast(amount, BigInteger).label("amount"),
    ]
    return select(*columns)


def resources() -> CTE:
    """Every tracked resource that lives or is buried, with its latest revision.

    `latest_id` is the id of its latest event as a living resource names it, and NULL for a buried one.
    """
    tables = {kind.name: table_of(kind) for kind in tracked_kinds()}
    live = union_all(
        *(
            select(literal(name, Text).label("kind"), table.c.id, table.c.revision, table.c.event_id)
            for name, table in tables.items()
        )
    ).cte("live")
    lives = exists().where(live.c.kind == Tombstone.kind, live.c.id == Tombstone.id)
    known = union_all(
        select(live.c.kind, live.c.id, live.c.revision, live.c.event_id),
        select(Tombstone.kind, Tombstone.id, Tombstone.revision, cast(null(), Uuid)).where(
            Tombstone.kind.in_(tables), Tombstone.revision > 0, ~lives
        ),
    ).subquery("known")
    return select(
        known.c.kind,
        known.c.id,
        resource_id(known.c.kind, known.c.id).label("resource_id"),
        cast(known.c.revision, BigInteger).label("latest"),
        known.c.event_id.label("latest_id"),
    ).cte("resource")


def entries() -> Subquery:
    """Every event that a resource made and every pending snapshot; the position of a snapshot is NULL.

    `status` is the one after a change of the status, and NULL for all others. `is_void` marks an update, of the status
    or else, without a changed field.
    """
    is_update = or_(*(EventRow.event.endswith(f".{name}") for name in ("updated", *STATUS_OPERATIONS.values())))
    before, after = (cast(state, JSONB)[STATUS].astext for state in (SnapshotRow.before, SnapshotRow.after))
    logged = select(
        EventRow.resource_id,
        cast(EventRow.revision, BigInteger).label("revision"),
        EventRow.id,
        EventRow.event,
        EventRow.follows,
        EventRow.occurred,
        EventRow.position,
        EventRow.payload["updates"][STATUS]["to"].astext.label("status"),
        and_(is_update, func.coalesce(EventRow.payload["updates"], NOTHING) == NOTHING).label("is_void"),
    ).where(EventRow.revision.is_not(None))
    pending = select(
        resource_id(SnapshotRow.kind, SnapshotRow.resource_id),
        SnapshotRow.revision,
        SnapshotRow.id,
        event_name(SnapshotRow.kind, SnapshotRow.operation),
        SnapshotRow.follows,
        SnapshotRow.occurred,
        cast(null(), BigInteger),
        case((and_(SnapshotRow.before.is_not(None), before.is_distinct_from(after)), after)),
        func.coalesce(SnapshotRow.before == SnapshotRow.after, false()),
    )
    return union_all(logged, pending).subquery("entry")


def resource_id(kind: Any, id_: Any) -> ColumnElement[str]:
    """Write in SQL what `ResourceKind.resource_id` writes."""
    return func.concat("prefect.", kind, ".", id_, type_=Text)


def event_name(kind: Any, operation: Any) -> ColumnElement[str]:
    """Write in SQL what `ResourceKind.event_name` writes."""
    return func.concat("prefect.", kind, ".", operation, type_=Text)


def status_operation(status: ColumnElement[str]) -> ColumnElement[str | None]:
    """Write in SQL what `STATUS_OPERATIONS` says; NULL when there is no status or an unknown one."""
    return case(*((status == name, literal(operation)) for name, operation in STATUS_OPERATIONS.items()))


def skip_event_name(kind: Any) -> ColumnElement[str]:
    """Write in SQL what `ResourceKind.skip_event_name` writes."""
    return func.concat("aftercommit.", kind, ".skipped", type_=Text)


def place(position: ColumnElement[Any]) -> ColumnElement[str]:
    """Name an entry by its place, for the beginning of a sentence."""
    return case((position.is_(None), "The pending snapshot"), else_=func.concat("The event at position ", position))
