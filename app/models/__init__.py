"""All tables. Importing this package registers the whole schema with SQLAlchemy."""

from app.models.api_key import ApiKey
from app.models.event import NAMES_A_RESOURCE, EventLog, EventRow
from app.models.masking_key import MaskingKey
from app.models.resources import (
    AGENT_TYPE,
    ConcurrencyLimit,
    Deployment,
    Flow,
    PoolWorker,
    Readiness,
    WorkPool,
    WorkQueue,
)
from app.models.snapshot import LANES, SCHEMA_VERSION, SnapshotRow
from app.models.source import HeldChange, Source, SourceResource, SourceVerification
from app.models.tombstone import Tombstone

__all__ = [
    "AGENT_TYPE",
    "LANES",
    "NAMES_A_RESOURCE",
    "SCHEMA_VERSION",
    "ApiKey",
    "ConcurrencyLimit",
    "Deployment",
    "EventLog",
    "EventRow",
    "Flow",
    "HeldChange",
    "MaskingKey",
    "PoolWorker",
    "Readiness",
    "SnapshotRow",
    "Source",
    "SourceResource",
    "SourceVerification",
    "Tombstone",
    "WorkPool",
    "WorkQueue",
]
