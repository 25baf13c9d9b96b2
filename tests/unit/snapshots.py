"""Builds snapshot rows for the unit tests."""

import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from workers.claimed import Claimed

ANY_ID = UUID("01890000-0000-7000-8000-000000000001")


def snapshot_row(**given: Any) -> Claimed:
    """Return an update of a deployment, with these columns replaced."""
    row: dict[str, Any] = {
        "id": uuid4(),
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
        "attribution": {},
        "schema_version": 1,
        "captured": datetime(2026, 1, 2, 3, 4, 5, 7, tzinfo=UTC),
        "attempts": 0,
        "deaths": 0,
        "error": None,
        "skip_reason": None,
        **given,
    }
    return Claimed(size=sum(_size(row[state]) for state in ("before", "after")), **row)


def _size(state: object) -> int:
    """Count the bytes of a state as PostgreSQL does."""
    return len(json.dumps(state, ensure_ascii=False).encode("utf-8", "surrogatepass")) if state is not None else 0
