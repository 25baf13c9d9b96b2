"""All tables, so that one import knows the whole schema."""

from app.models.api_key import ApiKey
from app.models.event import NAMES_A_RESOURCE, EventLog, EventRow
from app.models.resources import (
    ConcurrencyLimit,
    Deployment,
    Flow,
    PoolWorker,
    Tombstone,
    WorkPool,
    WorkQueue,
)
from app.models.snapshot import LANES, SCHEMA_VERSION, SnapshotRow

__all__ = [
    "LANES",
    "NAMES_A_RESOURCE",
    "SCHEMA_VERSION",
    "ApiKey",
    "ConcurrencyLimit",
    "Deployment",
    "EventLog",
    "EventRow",
    "Flow",
    "PoolWorker",
    "SnapshotRow",
    "Tombstone",
    "WorkPool",
    "WorkQueue",
]
