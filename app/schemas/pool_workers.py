"""Bodies of the routes that workers call, and of the routes that list a work pool's workers."""

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Final
from uuid import UUID

from pydantic import Field, StrictFloat

from app.schemas.bodies import WireModel
from app.schemas.bounds import BoundedList
from app.schemas.examples import DEPLOYMENT_POLL, HEARTBEAT, POOL_POLL, WORKERS, example
from app.schemas.filters import CombinedFilter
from app.schemas.shared import INTEGER_MAX, NAME_LENGTH, Paging, Query, ResourceResponse, Text
from app.schemas.times import UtcTime

PREVIEW_AHEAD: Final = timedelta(minutes=30)


class Heartbeat(Query):
    """A worker's heartbeat. The next one is expected within `heartbeat_interval_seconds`."""

    model_config = example(HEARTBEAT)

    name: Annotated[Text, Field(min_length=1, max_length=NAME_LENGTH)]
    heartbeat_interval_seconds: Annotated[StrictFloat, Field(gt=0, le=INTEGER_MAX // 10)] | None = None


class PoolPoll(Query):
    """A worker's poll for runs of these queues of its pool. Without names, of all queues."""

    model_config = example(POOL_POLL)

    work_queue_names: BoundedList[Text] | None = None
    scheduled_before: UtcTime | None = None

    @property
    def is_preview(self) -> bool:
        """Whether a person looks ahead: a preview asks for at least the next hour, a worker for some seconds."""
        return self.scheduled_before is not None and self.scheduled_before > datetime.now(UTC) + PREVIEW_AHEAD


class DeploymentPoll(Query):
    """A poll for runs of these deployments, from the process that serves them."""

    model_config = example(DEPLOYMENT_POLL)

    deployment_ids: BoundedList[UUID] = Field(default_factory=list)


class WorkerStatus(StrEnum):
    """A worker is OFFLINE when its next heartbeat is overdue."""

    ONLINE = "ONLINE"
    OFFLINE = "OFFLINE"


class StatusFilter(WireModel):
    """Workers whose status is one of `any_` and none of `not_any_`."""

    any_: BoundedList[WorkerStatus] | None = None
    not_any_: BoundedList[WorkerStatus] | None = None


class TimeFilter(WireModel):
    """Times from `after_` to `before_`, both inclusive."""

    before_: UtcTime | None = None
    after_: UtcTime | None = None


class WorkerFilter(CombinedFilter):
    """Conditions on workers."""

    last_heartbeat_time: TimeFilter | None = None
    status: StatusFilter | None = None


class WorkerQuery(Paging):
    """The workers to list."""

    model_config = example(WORKERS)

    workers: WorkerFilter | None = None


class WorkerResponse(ResourceResponse):
    """A worker of a work pool."""

    name: str
    work_pool_id: UUID
    last_heartbeat_time: datetime
    heartbeat_interval_seconds: int | None
    status: WorkerStatus
