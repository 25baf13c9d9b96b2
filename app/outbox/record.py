"""Records changes: stores their snapshots in the transaction of the change, and rings their doorbells after its commit.

CRUD functions and workers call `record` wherever they change a tracked row. If the process dies between the commit and
the doorbells, the stored rows stay, and the sweep rings for them.
"""

from collections.abc import Sequence
from dataclasses import fields
from typing import Final

from sqlalchemy import event
from sqlalchemy.orm import Session

from app.broker.doorbell import Doorbell
from app.broker.doorbells import ring
from app.capture.attribution import attribution, stored
from app.capture.masking_key import require_known_key
from app.capture.snapshot import Change, Snapshot, capture, make_masker
from app.models import SnapshotRow
from app.postgres.base import core_table
from app.postgres.bulk import insert_many
from app.settings import get_settings

PENDING: Final = "aftercommit.doorbells"
COLUMNS: Final = tuple(field.name for field in fields(Snapshot))


def record(session: Session, changes: Sequence[Change]) -> None:
    """Store a snapshot of each change in the open transaction, in this order; ring their doorbells after its commit.

    This is one INSERT for all changes. A rollback removes the snapshots and their doorbells. Each snapshot has the
    current `attribution`.

    Raises:
        WrongMaskingKey: the masks in the database were made with another key.
    """
    if not changes:
        return
    settings = get_settings()
    masker = make_masker(settings)
    require_known_key(session, masker)
    current = stored(attribution.get(), masker, settings.actor_fields)
    snapshots = [capture(change, masker, current) for change in changes]
    rows = ([getattr(snapshot, name) for name in COLUMNS] for snapshot in snapshots)
    insert_many(session, core_table(SnapshotRow), COLUMNS, rows)
    pending: list[Doorbell] = session.info.setdefault(PENDING, [])
    pending.extend(Doorbell(snapshot.id, snapshot.label) for snapshot in snapshots)


@event.listens_for(Session, "after_commit")
def _ring_after_commit(session: Session) -> None:
    # The hook also runs when a savepoint is released, where nothing is committed yet.
    if not session.in_nested_transaction() and (doorbells := session.info.pop(PENDING, [])):
        ring(doorbells)


@event.listens_for(Session, "after_rollback")
def _forget_after_rollback(session: Session) -> None:
    # A rolled-back savepoint keeps the doorbells recorded before it. One for a snapshot that it removed does no harm.
    if not session.in_nested_transaction():
        session.info.pop(PENDING, None)
