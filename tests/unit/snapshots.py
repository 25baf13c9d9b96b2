"""Builds snapshot rows for tests of the pure parts."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from app.models import SnapshotRow

ANY_ID = UUID("01890000-0000-7000-8000-000000000001")


def snapshot_row(**given: Any) -> SnapshotRow:
    """Return an update of a deployment, with what is given in place."""
    row: dict[str, Any] = {
        "id": uuid4(),
        "sequence": 1,
        "lane": 1,
        "kind": "deployment",
        "resource_id": ANY_ID,
        "revision": 2,
        "operation": "updated",
        "occurred": datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC),
        "name": "nightly",
        "before": {"description": "old", "tags": []},
        "after": {"description": "new", "tags": []},
        "references": {"flow_id": str(uuid4())},
        "labels": {},
        "follows": uuid4(),
        "correlation_id": None,
        "schema_version": 1,
        "attempts": 0,
    }
    return SnapshotRow(**{**row, **given})
