"""Lanes: which snapshots a worker may take, and the lock that makes it the only one."""

from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Select,
    SmallInteger,
    TableValuedAlias,
    Uuid,
    and_,
    any_,
    bindparam,
    column,
    false,
    func,
    lateral,
    literal,
    or_,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session

from app.models import SCHEMA_VERSION, SnapshotRow
from app.postgres.engine import core_table
from workers.claimed import Claimed

LANE_LOCKS: Final = 0x61C0
"""The first of the two keys of every lane's advisory lock; the lane is the second."""

BYTES_AT_ONCE: Final = 8 * 1024 * 1024
"""How much captured state one batch holds: some ten of the largest changes, or thousands of ordinary ones."""

SNAPSHOT: Final = core_table(SnapshotRow)

CLAIMED: Final = tuple(field.name for field in fields(Claimed))

SUSPECTS_AT_ONCE: Final = 20
"""How many snapshots with one mark are worked on together: the second death narrows the search to these."""


def lanes_of(session: Session, snapshot_ids: Sequence[UUID]) -> list[int]:
    """Return the lanes of those of the snapshots that still wait, each once, in order."""
    return sorted(session.scalars(_lanes_of(), {"ids": list(snapshot_ids)}))


def lock_lanes(session: Session, lanes: Sequence[int]) -> tuple[list[int], datetime]:
    """Take those of the lanes that nobody else has, until the transaction ends; return them and the database's time.

    It waits for none, so two workers that want the same lanes cannot wait for each other. The locks go with the
    connection, so the lanes of a killed worker are free at once: no lease, no zombie.
    """
    rows = session.execute(_lock_lanes(), {"lanes": list(lanes)}).all()
    return sorted(row.lane for row in rows if row.locked), max(row.now for row in rows)


def claim(session: Session, lanes: Sequence[int], limit: int) -> Sequence[Claimed]:
    """Return the next snapshots of the lanes, at most `limit`, in revision order for each resource.

    Each lane gives its share of `limit`, so that no lane keeps the others waiting.
    They hold `BYTES_AT_ONCE` at most, or are one: a transaction must end well within its time whatever was captured.
    Those in whose hands one process died come a few at a time, and alone after the second: so the third death shows
    which of them it is, and the others have cleared themselves.
    The caller holds the lanes. This is a statement of its own after the locks: under READ COMMITTED it sees what the
    holders before have committed. A resource with a failed snapshot is left out until that one is due.
    """
    bounds = {"share": max(limit // len(lanes), 1), "limit": limit, "bytes": BYTES_AT_ONCE, "few": SUSPECTS_AT_ONCE}
    parameters = {"lanes": list(lanes), "version": SCHEMA_VERSION, **bounds}
    return [Claimed(*row) for row in session.execute(_claim(), parameters).all()]


def claimable(session: Session, lanes: Sequence[int]) -> dict[int, UUID]:
    """Return those of the lanes that have a snapshot which `claim` would return now, in order, each with such a one."""
    rows = session.execute(_claimable(), {"lanes": list(lanes), "version": SCHEMA_VERSION})
    return dict(sorted((row.lane, row.id) for row in rows))


@lru_cache
def _lanes_of() -> Select[Any]:
    ids: ColumnElement[Any] = bindparam("ids", type_=ARRAY(Uuid(), dimensions=1))
    return select(SNAPSHOT.c.lane).where(SNAPSHOT.c.id == any_(ids)).distinct()


@lru_cache
def _lock_lanes() -> Select[Any]:
    lane = each_lane().c.lane
    locked = func.pg_try_advisory_xact_lock(LANE_LOCKS, lane)
    return select(lane, locked.label("locked"), func.clock_timestamp().label("now"))


@lru_cache
def _claim() -> Select[Any]:
    lanes = each_lane()
    # The sequence is given under the resource's row lock, so in its order a resource's revisions are in order too.
    waiting = lateral(
        select(SNAPSHOT.c.sequence, *(SNAPSHOT.c[name] for name in CLAIMED))
        .where(SNAPSHOT.c.lane == lanes.c.lane, _is_claimable())
        .order_by(SNAPSHOT.c.sequence)
        .limit(bindparam("share")),
        name="waiting",
    ).c
    in_order: dict[str, Any] = {"order_by": waiting.sequence, "rows": (None, 0)}
    running = func.sum(waiting.size).over(**in_order)
    first = (
        select(
            *waiting,
            (running - waiting.size).label("bytes_before"),
            func.min(waiting.deaths).over(**in_order).label("fewest_deaths"),
            func.max(waiting.deaths).over(**in_order).label("most_deaths"),
            func.row_number().over(**in_order).label("number"),
        )
        .join_from(lanes, waiting.id.table, true())
        .subquery("first")
    ).c
    few = and_(first.most_deaths == 1, first.number <= bindparam("few"))
    together = and_(first.most_deaths == first.fewest_deaths, or_(first.most_deaths == 0, few))
    return (
        select(*(first[name] for name in CLAIMED))
        .where(first.number <= bindparam("limit"), first.bytes_before < bindparam("bytes"))
        .where(or_(together, first.number == 1))
        .order_by(first.sequence)
    )


@lru_cache
def _claimable() -> Select[Any]:
    lanes = each_lane()
    any_one = select(SNAPSHOT.c.id).where(SNAPSHOT.c.lane == lanes.c.lane, _is_claimable()).limit(1)
    waits = lateral(any_one, name="waits")
    return select(lanes.c.lane, waits.c.id).join_from(lanes, waits, true())


def _lanes() -> ColumnElement[Any]:
    return bindparam("lanes", type_=ARRAY(SmallInteger(), dimensions=1))


def each_lane() -> TableValuedAlias:
    """Return the lanes of the parameter `lanes` as rows."""
    return func.unnest(_lanes()).table_valued(column("lane", SmallInteger())).render_derived(name="lanes")


def _is_claimable() -> ColumnElement[bool]:
    """The condition that this worker may take the snapshot now: its resource is not held up, and it can be read.

    What a newer version captured is left to newer workers, and what comes after it for the same resource as well.
    """
    newer = SNAPSHOT.alias().c
    # Only the snapshots of resources that have a newer one are asked for their place; the version is in the text, so
    # that PostgreSQL can prove that the small index of newer ones holds all that is looked for.
    of_newer = (
        newer.lane == any_(_lanes()),
        newer.schema_version > bindparam("version", type_=SmallInteger(), literal_execute=True),
    )
    first_newer = (
        select(func.min(newer.revision)).where(*of_newer, newer.resource_id == SNAPSHOT.c.resource_id)
    ).scalar_subquery()
    can_be_read = or_(
        SNAPSHOT.c.resource_id.not_in(select(newer.resource_id).where(*of_newer)), SNAPSHOT.c.revision < first_newer
    )
    return and_(is_due(), _usually(can_be_read))


def is_due() -> ColumnElement[bool]:
    """The condition that no failed or parked snapshot of the same resource stands in the way.

    The resources in the way are read first, off an index that holds nothing else: a long queue behind one of them is
    passed over without asking for each of its snapshots. A resource has one lane, so they are read once for all of
    the parameter `lanes`.
    """
    blocking = SNAPSHOT.alias().c
    in_the_way = select(blocking.resource_id).where(
        blocking.lane == any_(_lanes()),
        blocking.attempts > literal(0, literal_execute=True),
        or_(blocking.parked.is_not(None), blocking.next_attempt > func.clock_timestamp()),
    )
    return _usually(SNAPSHOT.c.resource_id.not_in(in_the_way))


def _usually(condition: ColumnElement[bool]) -> ColumnElement[bool]:
    """Return the same condition, so that PostgreSQL expects nearly every snapshot to meet it.

    It expects half of them otherwise, and then reads and sorts the whole lane for the first of its snapshots.
    """
    return func.nullif(condition, false()).is_not(None)
