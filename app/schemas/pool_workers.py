"""The bodies of the routes that a work pool's workers call, and of those that list them."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import Field

from app.schemas.filters import Combined
from app.schemas.shared import INTEGER_MAX, NAME_LENGTH, Paging, Query, ResourceResponse, Text, UtcTime, WireModel


class Heartbeat(Query):
    """A worker's sign of life; it promises the next one within so many seconds."""

    name: Annotated[Text, Field(min_length=1, max_length=NAME_LENGTH)]
    heartbeat_interval_seconds: Annotated[float, Field(gt=0, le=INTEGER_MAX // 10)] | None = None


class PoolPoll(Query):
    """What a worker asks for: runs of these queues of its pool, or of all."""

    work_queue_names: list[Text] | None = None


class DeploymentPoll(Query):
    """What a process that serves flows asks for: runs of these deployments."""

    deployment_ids: list[UUID] = Field(default_factory=list)


class WorkerStatus(StrEnum):
    """Whether the worker's next heartbeat is overdue."""

    ONLINE = "ONLINE"
    OFFLINE = "OFFLINE"


class StatusFilter(WireModel):
    """Statuses that a worker must have one of, and statuses that it must have none of."""

    any_: list[WorkerStatus] | None = None
    not_any_: list[WorkerStatus] | None = None


class TimeFilter(WireModel):
    """A time's bounds, both included."""

    before_: UtcTime | None = None
    after_: UtcTime | None = None


class WorkerFilter(Combined):
    """What a worker must be like."""

    last_heartbeat_time: TimeFilter | None = None
    status: StatusFilter | None = None


class WorkerQuery(Paging):
    """Which workers to list."""

    workers: WorkerFilter | None = None


class WorkerResponse(ResourceResponse):
    """A worker."""

    name: str
    work_pool_id: UUID
    last_heartbeat_time: datetime
    heartbeat_interval_seconds: int | None
    status: WorkerStatus
