"""All tables, so that one import knows the whole schema."""

from app.models.api_key import ApiKey
from app.models.event import EventLog, EventRow
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
