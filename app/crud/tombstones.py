"""Buries what was deleted: its last known name stays readable for events that are built afterwards."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.events.snapshot import Change
from app.models import Tombstone


def bury(session: Session, deletions: Sequence[Change]) -> None:
    """Store a tombstone for each deleted row, in the transaction that deletes them.

    It keeps the name, the columns that the kind's labels and edges need, and the revision of the deletion. A row that
    is buried already stays as it is.
    """
    if deletions:
        session.execute(insert(Tombstone).on_conflict_do_nothing(), [_tombstone(change) for change in deletions])


def _tombstone(change: Change) -> dict[str, Any]:
    kind, row = change.kind, change.row
    return {
        "id": row["id"],
        "kind": kind.name,
        "name": row["name"],
        "attributes": {column: _json_safe(row[column]) for column in kind.described_by},
        "revision": change.revision,
    }


def _json_safe(value: Any) -> Any:
    return str(value) if isinstance(value, UUID) else value
