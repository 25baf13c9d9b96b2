"""Request and response bodies of the work queue routes."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, ClassVar, Self
from uuid import UUID

from pydantic import BaseModel, Field, StrictBool

from app.models import Readiness, WorkQueue
from app.postgres.base import JsonObject
from app.schemas.bodies import Changes, WireModel
from app.schemas.examples import WORK_QUEUE, WORK_QUEUE_CHANGES, WORK_QUEUES, example
from app.schemas.filters import WorkQueueFilter
from app.schemas.numbers import WHOLE
from app.schemas.shared import INTEGER_MAX, Count, Name, Object, Paging, ResourceResponse, Text
from app.schemas.times import UtcTime

Priority = Annotated[int, Field(ge=1, le=INTEGER_MAX), WHOLE]


class WorkQueueCreate(WireModel):
    """A work queue to create. Without a `priority` it gets the first free one."""

    model_config = example(WORK_QUEUE)

    name: Name
    description: Text | None = None
    is_paused: StrictBool = False
    concurrency_limit: Count | None = None
    priority: Priority | None = None
    filter: Object | None = None

    def column_values(self) -> dict[str, Any]:
        """Return the values of the new row's columns."""
        return {**self.model_dump(), "description": self.description or ""}


class WorkQueueUpdate(Changes):
    """Changes to a work queue. Omitted fields stay unchanged. Null clears a field that can be empty."""

    model_config = example(WORK_QUEUE_CHANGES)

    clearable: ClassVar[frozenset[str]] = frozenset({"description", "concurrency_limit", "filter", "last_polled"})

    name: Name | None = None
    description: Text | None = None
    is_paused: StrictBool | None = None
    concurrency_limit: Count | None = None
    priority: Priority | None = None
    filter: Object | None = None
    last_polled: UtcTime | None = None

    def column_values(self) -> dict[str, Any]:
        """Return the values of the columns to change."""
        values = self.fields_set()
        if "description" in values:
            values["description"] = self.description or ""
        return values


class WorkQueueQuery(Paging):
    """The work queues to list."""

    model_config = example(WORK_QUEUES)

    work_queues: WorkQueueFilter | None = None


class WorkQueueResponse(ResourceResponse):
    """A work queue."""

    name: str
    description: str
    is_paused: bool
    concurrency_limit: int | None
    priority: int
    work_pool_id: UUID
    filter: JsonObject | None
    last_polled: datetime | None
    work_pool_name: str
    status: Readiness
    active_slots: int | None

    @classmethod
    def of(cls, queue: WorkQueue, pool_name: str) -> Self:
        """Return the response for the work queue of the pool with this name."""
        return cls(
            id=queue.id,
            created=queue.created,
            updated=queue.updated,
            name=queue.name,
            description=queue.description,
            is_paused=queue.is_paused,
            concurrency_limit=queue.concurrency_limit,
            priority=queue.priority,
            work_pool_id=queue.work_pool_id,
            filter=queue.filter,
            last_polled=queue.last_polled,
            work_pool_name=pool_name,
            status=Readiness(queue.status),
            active_slots=None if queue.concurrency_limit is None else 0,
        )


class HealthCheckPolicy(BaseModel):
    """The limits within which a work queue is healthy."""

    maximum_late_runs: int = 0
    maximum_seconds_since_last_polled: int


class WorkQueueHealth(BaseModel):
    """Whether a work queue is polled. This registry runs nothing, so no run is ever late."""

    healthy: bool
    late_runs_count: int = 0
    last_polled: datetime | None
    health_check_policy: HealthCheckPolicy

    @classmethod
    def of(cls, queue: WorkQueue, silence: float) -> Self:
        """Return the health of the work queue now. It is unhealthy after `silence` seconds without a poll."""
        oldest = datetime.now(UTC) - timedelta(seconds=silence)
        return cls(
            healthy=queue.last_polled is not None and queue.last_polled >= oldest,
            last_polled=queue.last_polled,
            health_check_policy=HealthCheckPolicy(maximum_seconds_since_last_polled=round(silence)),
        )
