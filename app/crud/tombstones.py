"""Buries what was deleted: its last known name stays readable for events that are built afterwards."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.events.kinds import ResourceKind
from app.models import Tombstone


def bury(session: Session, kind: ResourceKind, rows: Sequence[Mapping[str, Any] | RowMapping]) -> None:
    """Store a tombstone for each deleted row of this kind, in the transaction that deletes them.

    Each row maps the table's columns to their last values. The tombstone keeps the name, the columns that the kind's
    labels and edges need, and the revision (0 for a kind without one). A row that is buried already stays as it is.
    """
    if rows:
        session.execute(insert(Tombstone).on_conflict_do_nothing(), [_tombstone(kind, row) for row in rows])


def _tombstone(kind: ResourceKind, row: Mapping[str, Any] | RowMapping) -> dict[str, Any]:
    columns = (*kind.labels.values(), *(edge.column for edge in kind.edges))
    return {
        "id": row["id"],
        "kind": kind.name,
        "name": row["name"],
        "attributes": {column: _json_safe(row[column]) for column in columns},
        "revision": row.get("revision", 0),
    }


def _json_safe(value: Any) -> Any:
    return str(value) if isinstance(value, UUID) else value
