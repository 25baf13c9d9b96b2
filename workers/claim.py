"""Claims snapshots by lane: which snapshots a worker may take, and the lane lock that keeps other workers out.

The statements are SQL texts. To look at one in psql, print it (`print(workers.claim.CLAIM)`) and set its parameters.
"""

from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import SmallInteger, bindparam, text
from sqlalchemy.orm import Session

from app.models import SCHEMA_VERSION
from workers.claimed import Claimed

LANE_LOCKS: Final = 0x61C0
"""The first of the two keys of every lane's advisory lock; the lane is the second."""

BYTES_AT_ONCE: Final = 8 * 1024 * 1024
"""How much captured state one batch holds: some ten of the largest changes, or thousands of ordinary ones."""

SUSPECTS_AT_ONCE: Final = 20
"""How many snapshots with one death mark are dispatched together."""

EACH_LANE: Final = "unnest(CAST(:lanes AS smallint[])) AS lanes (lane)"
"""The lanes of the parameter as rows."""

VERSION: Final = bindparam("version", type_=SmallInteger, literal_execute=True)
"""The schema version of this worker, which SQLAlchemy writes into the statement."""

LANES_OF: Final = text("SELECT DISTINCT lane FROM snapshot WHERE id = ANY (CAST(:ids AS uuid[])) ORDER BY lane")

LOCK_LANES: Final = text(f"""
SELECT lane, pg_try_advisory_xact_lock({LANE_LOCKS}, lane) AS locked, clock_timestamp() AS now
FROM {EACH_LANE}
""")

IS_DUE: Final = """
    -- No failed or parked snapshot of the same resource blocks this one. The blocked resources are read first, from an
    -- index that holds nothing else, so a long queue behind one of them is skipped without a look-up per snapshot.
    -- `nullif(..., false) IS NOT NULL` keeps the condition and makes PostgreSQL expect it to be true nearly always;
    -- otherwise it expects half of the rows, and then reads and sorts the whole lane for the first few.
    nullif(waiting.resource_id NOT IN (
        SELECT blocking.resource_id
        FROM snapshot AS blocking
        WHERE blocking.lane = ANY (CAST(:lanes AS smallint[]))
            AND blocking.attempts > 0
            AND (blocking.parked IS NOT NULL OR blocking.next_attempt > clock_timestamp())
    ), false) IS NOT NULL"""
"""The condition that the snapshot `waiting` may be dispatched now."""

IS_READABLE: Final = """
    -- This version of the worker can read it. A snapshot of a newer version, and the later ones of its resource, are
    -- left to newer workers. The version is written into the text, because only then PostgreSQL can use the partial
    -- index of newer snapshots.
    nullif(
        waiting.resource_id NOT IN (
            SELECT newer.resource_id
            FROM snapshot AS newer
            WHERE newer.lane = ANY (CAST(:lanes AS smallint[])) AND newer.schema_version > :version
        )
        OR waiting.revision < (
            SELECT min(newer.revision)
            FROM snapshot AS newer
            WHERE newer.lane = ANY (CAST(:lanes AS smallint[])) AND newer.schema_version > :version
                AND newer.resource_id = waiting.resource_id
        ), false) IS NOT NULL"""
"""The condition that this worker can read the snapshot `waiting`."""

COLUMNS: Final = ", ".join(f'"{field.name}"' for field in fields(Claimed))

CLAIM: Final = text(f"""
WITH share AS (
    -- The next snapshots of each lane. The sequence is assigned under the resource's row lock, so in its order the
    -- revisions of a resource are in order too.
    SELECT next.*
    FROM {EACH_LANE}
    CROSS JOIN LATERAL (
        SELECT sequence, {COLUMNS}
        FROM snapshot AS waiting
        WHERE waiting.lane = lanes.lane
            AND {IS_DUE}
            AND {IS_READABLE}
        ORDER BY waiting.sequence
        LIMIT :share
    ) AS next
), numbered AS (
    SELECT
        share.*,
        sum(size) OVER in_order - size AS bytes_before,
        min(deaths) OVER in_order AS fewest_deaths,
        max(deaths) OVER in_order AS most_deaths,
        row_number() OVER in_order AS number
    FROM share
    WINDOW in_order AS (ORDER BY sequence ROWS UNBOUNDED PRECEDING)
)
SELECT {COLUMNS}
FROM numbered
WHERE number <= :limit
    AND bytes_before < :bytes
    -- Snapshots without death marks go together, those with one mark a few at a time, those with more marks alone.
    AND (number = 1 OR most_deaths = 0 OR (fewest_deaths = 1 AND most_deaths = 1 AND number <= :suspects))
ORDER BY sequence
""").bindparams(VERSION)

CLAIMABLE: Final = text(f"""
SELECT lanes.lane, next.id
FROM {EACH_LANE}
CROSS JOIN LATERAL (
    SELECT waiting.id
    FROM snapshot AS waiting
    WHERE waiting.lane = lanes.lane
        AND {IS_DUE}
        AND {IS_READABLE}
    LIMIT 1
) AS next
""").bindparams(VERSION)


def lanes_of(session: Session, snapshot_ids: Sequence[UUID]) -> list[int]:
    """Return the lanes of those snapshots that still wait, each lane once, in order."""
    return list(session.scalars(LANES_OF, {"ids": list(snapshot_ids)}))


def lock_lanes(session: Session, lanes: Sequence[int]) -> tuple[list[int], datetime]:
    """Lock those lanes that no other worker holds, until the transaction ends; return them and the database's time.

    It never waits, so two workers that want the same lanes cannot deadlock. The locks belong to the connection, so the
    lanes of a killed worker are free at once: there is no lease that has to expire.
    """
    rows = session.execute(LOCK_LANES, {"lanes": list(lanes)}).all()
    return sorted(row.lane for row in rows if row.locked), max(row.now for row in rows)


def claim(session: Session, lanes: Sequence[int], limit: int) -> Sequence[Claimed]:
    """Return the next snapshots of the lanes, at most `limit`, in revision order for each resource.

    - The caller holds the lanes. This statement comes after the locks, so under READ COMMITTED it sees everything that
      the previous holders have committed.
    - Each lane gives an equal share of `limit`, so no lane keeps the others waiting.
    - Their captured states have at most `BYTES_AT_ONCE` bytes together; a larger snapshot comes alone. So the
      transaction ends well within its time limit.
    - Snapshots with death marks come a few at a time, and alone from the second mark on. So the third death of a
      worker shows which snapshot kills it, and the innocent ones have been dispatched by then.
    - A resource with a failed snapshot is left out until that snapshot is due.
    """
    bounds = {"share": max(limit // len(lanes), 1), "limit": limit, "bytes": BYTES_AT_ONCE}
    parameters = {"lanes": list(lanes), "version": SCHEMA_VERSION, "suspects": SUSPECTS_AT_ONCE, **bounds}
    return [Claimed(*row) for row in session.execute(CLAIM, parameters)]


def claimable(session: Session, lanes: Sequence[int]) -> dict[int, UUID]:
    """Return those lanes, in order, from which `claim` would return a snapshot now, each with the id of one."""
    rows = session.execute(CLAIMABLE, {"lanes": list(lanes), "version": SCHEMA_VERSION})
    return dict(sorted((row.lane, row.id) for row in rows))
