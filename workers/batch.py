"""Processes the snapshots of one claim in one transaction: builds the events, appends them, deletes the snapshots."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from uuid import UUID

from sqlalchemy import Delete, Uuid, any_, bindparam, delete
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session

from app.errors import DispatchError
from app.log.append import append, append_one_by_one
from app.models import SnapshotRow
from app.postgres.base import JsonObject, core_table
from app.schemas.event import Event, RelatedResource
from workers.build import build, changed_fields, check
from workers.claimed import Claimed
from workers.related import related_resources
from workers.skips import build_skip


@dataclass(slots=True)
class Batch:
    """The events of claimed snapshots, and the snapshots that failed. A resource stops at its first failure."""

    built: list[tuple[Claimed, Event]] = field(default_factory=list)
    failures: dict[Claimed, Exception] = field(default_factory=dict)

    @property
    def stopped(self) -> set[UUID]:
        """The resources whose later snapshots have to wait behind a failed one."""
        return {snapshot.resource_id for snapshot in self.failures}


def build_batch(session: Session, snapshots: Sequence[Claimed], size_cap: int) -> Batch:
    """Build the events of these snapshots, in their order. A skipped snapshot becomes an event that says so."""
    batch = Batch()
    regular = [snapshot for snapshot in snapshots if snapshot.skip_reason is None]
    unreadable = _unreadable(regular)
    related = related_resources(session, [snapshot for snapshot in regular if snapshot not in unreadable])
    for snapshot in snapshots:
        if batch.failures and snapshot.resource_id in batch.stopped:
            continue
        try:
            if error := unreadable.get(snapshot):
                # The failure is recorded only at its turn, so that the snapshots before it are appended first.
                raise error
            event = _event(snapshot, related, size_cap)
        except Exception as error:  # noqa: BLE001  # A snapshot that cannot be built must stop its own resource only.
            batch.failures[snapshot] = error
        else:
            batch.built.append((snapshot, event))
    return batch


def _event(snapshot: Claimed, related: Mapping[UUID, list[RelatedResource]], size_cap: int) -> Event:
    if snapshot.skip_reason is not None:
        return build_skip(snapshot)
    return build(snapshot, related[snapshot.id], _updates(snapshot), size_cap)


def _unreadable(snapshots: Sequence[Claimed]) -> dict[Claimed, DispatchError]:
    errors = {}
    for snapshot in snapshots:
        try:
            check(snapshot)
        except DispatchError as error:
            errors[snapshot] = error
    return errors


def append_together(session: Session, batch: Batch, rescued: set[UUID]) -> None:
    """Delete the snapshots of all events of the batch in one statement and append the events in two more."""
    if not batch.built:
        return
    events = [event for _, event in batch.built]
    swept = len(rescued.intersection(event.id for event in events)) if rescued else 0
    # The deletion comes first, because the append holds the log's lock until the commit.
    _delete(session, batch)
    append(session, events, rescued=swept)


def append_apart(session: Session, batch: Batch, rescued: set[UUID]) -> None:
    """Append each event under a savepoint of its own; an event that the database refuses becomes a failure."""
    done = append_one_by_one(session, [event for _, event in batch.built], rescued=rescued, in_order=True)
    refused = {snapshot: done.refused[event.id] for snapshot, event in batch.built if event.id in done.refused}
    stopped = {snapshot.resource_id for snapshot in refused}
    appended = {event.id for event in done.appended}
    # A resource waits behind its first failure: a snapshot that failed to build behind a refused one has to wait.
    unbuilt = {snapshot: error for snapshot, error in batch.failures.items() if snapshot.resource_id not in stopped}
    batch.failures = {**refused, **unbuilt}
    batch.built = [(snapshot, event) for snapshot, event in batch.built if event.id in appended]
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
