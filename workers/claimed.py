"""A claimed snapshot."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from app.postgres.base import JsonObject


@dataclass(slots=True, eq=False)
class Claimed:
    """The columns of a snapshot's row that a worker needs. It is not an ORM object, which would cost more.

    `size` is the number of bytes of the states before and after, as PostgreSQL writes them.
    """

    id: UUID
    lane: int
    kind: str
    resource_id: UUID
    revision: int
    operation: str
    occurred: datetime
    name: str
    before: JsonObject | None
    after: JsonObject | None
    size: int
    references: JsonObject
    labels: JsonObject
    follows: UUID | None
    attribution: JsonObject
    schema_version: int
    captured: datetime
    attempts: int
    deaths: int
    error: str | None
    skip_reason: str | None
