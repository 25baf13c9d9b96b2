"""Buries what was deleted: its last known name stays readable for events that are built afterwards."""

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy.orm import Session

from app.database import core_table
from app.events.snapshot import Change
from app.inserting import insert_many
from app.models import Tombstone

COLUMNS: Final = ("id", "kind", "name", "attributes", "revision")


def bury(session: Session, deletions: Sequence[Change]) -> None:
    """Store a tombstone for each deleted row, in the transaction that deletes them.

    It keeps the name, the columns that the kind's labels and edges need, and the revision of the deletion. A row that
    is buried already stays as it is.
    """
    if deletions:
        rows = [_tombstone(change) for change in deletions]
        insert_many(session, core_table(Tombstone), COLUMNS, rows, unless_there=True)


def _tombstone(change: Change) -> tuple[object, ...]:
    kind, row = change.kind, change.row
    attributes = {column: _json_safe(row[column]) for column in kind.described_by}
    return row["id"], kind.name, row["name"], attributes, change.revision


def _json_safe(value: Any) -> Any:
    return str(value) if isinstance(value, UUID) else value
