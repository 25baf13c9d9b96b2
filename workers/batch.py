"""Processes the snapshots of one claim in one transaction: builds the events, appends them, deletes the snapshots."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from uuid import UUID

from sqlalchemy import Delete, TextClause, Uuid, any_, bindparam, delete, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session

from app.errors import DispatchError
from app.log.append import append, check_log_accepts_events
from app.models import SnapshotRow
from app.postgres.base import JsonObject, core_table
from app.postgres.refusals import is_absence
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


def dispatch_together(session: Session, snapshots: Sequence[Claimed], size_cap: int, rescued: set[UUID]) -> Batch:
    """Build the events, delete their snapshots in one statement, and append the events in two more.

    Raises:
        Exception: an event cannot be written. Nothing says which one.
    """
    batch = build_batch(session, snapshots, size_cap)
    if batch.built:
        events = [event for _, event in batch.built]
        swept = len(rescued.intersection(event.id for event in events)) if rescued else 0
        # The deletion comes first, because the append holds the log's lock until the commit.
        _delete(session, batch)
        append(session, events, rescued=swept)
    return batch


def dispatch_apart(session: Session, snapshots: Sequence[Claimed], size_cap: int, rescued: set[UUID]) -> Batch:
    """Dispatch each snapshot under its own savepoint. One that cannot be dispatched becomes a failure.

    Raises:
        Exception: the database takes no event at all, so the snapshots are not to blame.
    """
    batch = Batch()
    # A deferred constraint would otherwise fail only at the commit, together with all the other snapshots.
    session.execute(_constraints_at_once())
    for snapshot in snapshots:
        if batch.failures and snapshot.resource_id in batch.stopped:
            continue
        try:
            with session.begin_nested():
                single = dispatch_together(session, [snapshot], size_cap, rescued)
        except Exception as error:
            if is_absence(error):
                raise
            single = Batch(failures={snapshot: error})
        batch.built += single.built
        batch.failures |= single.failures
    if not batch.built:
        check_log_accepts_events(session, batch.failures.values())
    return batch


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


@lru_cache
def _constraints_at_once() -> TextClause:
    return text("SET CONSTRAINTS ALL IMMEDIATE")
