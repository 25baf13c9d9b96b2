"""What one transaction does with the snapshots of one claim: build, append, delete, and record what failed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from uuid import UUID

from sqlalchemy import Delete, Uuid, any_, bindparam, delete
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from app.errors import DispatchError
from app.log.append import append
from app.models import SnapshotRow
from app.postgres.engine import JsonObject, core_table
from app.schemas.event import Event, RelatedResource
from workers.build import build, check
from workers.changes import changed_fields
from workers.claimed import Claimed
from workers.outage import is_refusal
from workers.related import related_resources
from workers.skips import build_skip


@dataclass(slots=True)
class Batch:
    """Claimed snapshots and what became of them; a resource whose snapshot failed stops there."""

    built: list[tuple[Claimed, Event]] = field(default_factory=list)
    failures: dict[Claimed, Exception] = field(default_factory=dict)
    position: int | None = None
    """The log's last position after the append, None while nothing is appended."""

    @property
    def stopped(self) -> set[UUID]:
        """The resources whose later snapshots have to wait behind a failed one."""
        return {snapshot.resource_id for snapshot in self.failures}


def build_batch(session: Session, snapshots: Sequence[Claimed], size_cap: int) -> Batch:
    """Build the events of these snapshots, in their order; a skipped one becomes the event that says so."""
    batch = Batch()
    read = [snapshot for snapshot in snapshots if snapshot.skip_reason is None]
    unreadable = _unreadable(read)
    related = related_resources(session, [snapshot for snapshot in read if snapshot not in unreadable])
    for snapshot in snapshots:
        if batch.failures and snapshot.resource_id in batch.stopped:
            continue
        try:
            if error := unreadable.get(snapshot):
                # It becomes a failure now that its turn comes: what stands before it goes out first.
                raise error
            event = _event(snapshot, related, size_cap)
        except Exception as error:  # noqa: BLE001  # Poison of any sort must stop its own resource only.
            batch.failures[snapshot] = error
        else:
            batch.built.append((snapshot, event))
    return batch


def _event(snapshot: Claimed, related: Mapping[UUID, list[RelatedResource]], size_cap: int) -> Event:
    if snapshot.skip_reason is not None:
        return build_skip(snapshot)
    return build(snapshot, related[snapshot.id], _updates(snapshot), size_cap)


def _unreadable(snapshots: Sequence[Claimed]) -> dict[Claimed, DispatchError]:
    found = {}
    for snapshot in snapshots:
        try:
            check(snapshot)
        except DispatchError as error:
            found[snapshot] = error
    return found


def append_together(session: Session, batch: Batch, rescued: set[UUID]) -> None:
    """Delete the snapshots of all events of the batch in one statement and append the events in two more."""
    if not batch.built:
        return
    events = [event for _, event in batch.built]
    swept = len(rescued.intersection(event.id for event in events)) if rescued else 0
    # First, since the append holds the log's lock to the commit.
    _delete(session, batch)
    batch.position = append(session, events, rescued=swept)


def append_apart(session: Session, batch: Batch, rescued: set[UUID]) -> None:
    """Append each event under a savepoint of its own; one that the database refuses becomes a failure."""
    appended = []
    refused: dict[Claimed, Exception] = {}
    stopped: set[UUID] = set()
    for snapshot, event in batch.built:
        if snapshot.resource_id in stopped:
            continue
        try:
            with session.begin_nested():
                batch.position = append(session, [event], rescued=int(event.id in rescued))
        except DBAPIError as error:
            if not is_refusal(error):
                raise
            refused[snapshot] = error
            stopped.add(snapshot.resource_id)
        else:
            appended.append((snapshot, event))
    # A resource waits behind its first failure: what failed to build behind a refused one has not had its turn.
    unbuilt = {row: error for row, error in batch.failures.items() if row.resource_id not in stopped}
    batch.failures = {**refused, **unbuilt}
    batch.built = appended
    _delete(session, batch)


def _updates(snapshot: Claimed) -> JsonObject | None:
    if snapshot.before is None or snapshot.after is None:
        return None
    return changed_fields(snapshot.before, snapshot.after)


def _delete(session: Session, batch: Batch) -> None:
    session.execute(_deletion(), {"ids": [snapshot.id for snapshot, _ in batch.built]})


@lru_cache
def _deletion() -> Delete:
    table = core_table(SnapshotRow)
    return delete(table).where(table.c.id == any_(bindparam("ids", type_=ARRAY(Uuid(), dimensions=1))))
