"""Reads the existing resources by the keys that the model uses."""

from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from app.capture.kinds import KINDS
from tests.integration.model.states import DEPLOYMENT, FLOW, LIMIT, POOL, QUEUE, Key

WITHIN = {DEPLOYMENT: (FLOW, "flow_id"), QUEUE: (POOL, "work_pool_id")}
"""By kind: the kind that its names are unique within, and the column that holds the id."""


def read_rows(session: Session) -> dict[Key, dict[str, Any]]:
    """Return the columns of every resource."""
    return {
        key: dict(row)
        for kind in (FLOW, POOL, QUEUE, LIMIT, DEPLOYMENT)
        for row in session.execute(_rows(kind)).mappings()
        for key in [(kind, row["owner"], row["name"]) if kind in WITHIN else (kind, row["name"])]
    }


def _rows(kind: str) -> Select[*tuple[Any, ...]]:
    table = KINDS[kind].table
    if kind not in WITHIN:
        return select(table)
    owner_kind, column = WITHIN[kind]
    owner = KINDS[owner_kind].table
    return select(table, owner.c.name.label("owner")).join(owner, owner.c.id == table.c[column])
