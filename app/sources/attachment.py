"""What is installed in a source's database: who reads its changes, and which of them are in our log already."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from app.errors import SourceChanged
from app.models import Source
from app.sources.checking import is_installed
from app.sources.foreign import Connection

READ: Final = """
SELECT source, version, profile, batch,
       (SELECT oid FROM pg_database WHERE datname = current_database())
       || '/' || (SELECT oid FROM pg_class WHERE oid = 'aftercommit.row_change'::regclass),
       pg_snapshot_xmax(pg_current_snapshot())::text::bigint
FROM aftercommit.attachment
"""
CLAIM: Final = "UPDATE aftercommit.attachment SET source = %s WHERE source IS NULL"
XMAX: Final = "SELECT pg_snapshot_xmax(%s::pg_snapshot)::text::bigint"

# Of a transaction all changes are moved at once, so the number of its last one says whether it was moved.
DELETE_MOVED: Final = """
DELETE FROM aftercommit.row_change
WHERE (
    pg_visible_in_snapshot(xid, %(moved_until)s::pg_snapshot)
    OR xid IN (
        SELECT xid FROM aftercommit.row_change
        WHERE %(moving_until)s::text IS NOT NULL AND pg_visible_in_snapshot(xid, %(moving_until)s::pg_snapshot)
        GROUP BY xid HAVING max(seq) <= %(moving_after)s
    )
) AND NOT EXISTS (SELECT FROM unnest(%(held)s::text[]) AS held WHERE held::xid8 = xid)
"""
SET_BATCH: Final = "UPDATE aftercommit.attachment SET batch = %s"


@dataclass(frozen=True, slots=True)
class Attachment:
    """What the database says about itself. `next_xid` is the number that its next transaction gets."""

    source: UUID | None
    version: int
    profile: str
    batch: int
    identity: str
    next_xid: int


def read_attachment(connection: Connection) -> Attachment | None:
    """Return what is installed in this database, or None."""
    if not is_installed(connection):
        return None
    row = connection.execute(READ).fetchone()
    return None if row is None else Attachment(*row)


def claim(connection: Connection, source_id: UUID) -> bool:
    """Make this source the one that reads the changes, unless another one does."""
    return connection.execute(CLAIM, (source_id,)).rowcount == 1


def require_same_database(connection: Connection, source: Source) -> Attachment:
    """Check that this is the database that was attached, in a state that is not older than the one we know.

    Raises:
        SourceChanged: it is another one, or an older state.
    """
    found = read_attachment(connection)
    if found is None:
        raise SourceChanged(f"Nothing is installed in the database of {source.name}.{REMEDY}")
    if found.source != source.id or found.identity != source.identity:
        raise SourceChanged(f"The database of {source.name} is not the one that was attached.{REMEDY}")
    known = max((_xmax(connection, text) for text in (source.moved_until, source.moving_until) if text), default=0)
    # The number there is one behind if a worker died between its commit here and the one there.
    if found.batch not in (source.batch, source.batch - 1) or found.next_xid < known:
        raise SourceChanged(f"The database of {source.name} is in an older state than the log.{REMEDY}")
    return found


REMEDY: Final = " Detach it with --force, and attach it again: what is different then gets an event that says so."


def _xmax(connection: Connection, snapshot: str) -> int:
    row = connection.execute(XMAX, (snapshot,)).fetchone()
    assert row is not None, "a query without FROM has one row"
    return int(row[0])


def delete_moved(connection: Connection, source: Source, held: Sequence[int]) -> None:
    """Delete the changes that are in our log, except the transactions that are held. It may be repeated."""
    connection.execute(
        DELETE_MOVED,
        {
            "moved_until": source.moved_until,
            "moving_until": source.moving_until,
            "moving_after": source.moving_after,
            "held": [str(xid) for xid in held],
        },
    )
    connection.execute(SET_BATCH, (source.batch,))
