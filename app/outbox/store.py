"""Stores the snapshots of changes in the transaction that makes them. It rings for nobody: that is its caller's."""

from collections.abc import Sequence
from dataclasses import fields
from typing import Final

from sqlalchemy.orm import Session

from app.capture.snapshot import Change, Snapshot, capture, make_masker
from app.models import SnapshotRow
from app.postgres.engine import core_table
from app.postgres.inserting import insert_many
from app.settings import get_settings
from app.telemetry import correlation_id

COLUMNS: Final = tuple(field.name for field in fields(Snapshot))


def store(session: Session, changes: Sequence[Change]) -> list[Snapshot]:
    """Store a snapshot of each change in the session's open transaction, in their order; return the snapshots.

    One INSERT, whatever the number of changes. A rollback takes the snapshots with it.
    """
    if not changes:
        return []
    current = correlation_id.get()
    masker = make_masker(get_settings())
    snapshots = [capture(change, masker, current) for change in changes]
    rows = ([getattr(snapshot, name) for name in COLUMNS] for snapshot in snapshots)
    insert_many(session, core_table(SnapshotRow), COLUMNS, rows)
    return snapshots
