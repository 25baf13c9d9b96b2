"""Stores the snapshots of changes in the transaction that makes them. It rings for nobody: that is its caller's."""

from collections.abc import Sequence
from dataclasses import fields
from functools import lru_cache
from typing import Final

from sqlalchemy import Insert, insert
from sqlalchemy.orm import Session

from app.database import core_table
from app.events.snapshot import Change, Snapshot, capture, make_masker
from app.models import SnapshotRow
from app.settings import get_settings
from app.telemetry import correlation_id

INSERT_PAGE: Final = 1000


def store(session: Session, changes: Sequence[Change]) -> list[Snapshot]:
    """Store a snapshot of each change in the session's open transaction, in their order; return the snapshots.

    One INSERT for up to 1000 changes. A rollback takes the snapshots with it.
    """
    if not changes:
        return []
    current = correlation_id.get()
    masker = make_masker(get_settings())
    snapshots = [capture(change, masker, current) for change in changes]
    for start in range(0, len(snapshots), INSERT_PAGE):
        page = [_columns(snapshot) for snapshot in snapshots[start : start + INSERT_PAGE]]
        session.execute(_insertion(), page)
    return snapshots


@lru_cache
def _insertion() -> Insert:
    # Without the ORM, which would look for objects to make of the rows.
    return insert(core_table(SnapshotRow))


def _columns(snapshot: Snapshot) -> dict[str, object]:
    # Not `asdict`, which copies every value inside the captured states.
    return {field.name: getattr(snapshot, field.name) for field in fields(snapshot)}
