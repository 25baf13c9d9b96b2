"""Responses of the routes that show the slots of work pools and work queues. Nothing runs here, so no slot is taken."""

from typing import Any, Self
from uuid import UUID

from pydantic import BaseModel

from app.models import WorkPool, WorkQueue
from app.schemas.bounds import BoundedList
from app.schemas.shared import PageNumber


class SlotPage(BaseModel):
    """The page number and the number of pages; the slots that are taken, and the concurrency limit."""

    active_slots: int = 0
    concurrency_limit: int | None
    count: int
    limit: int
    pages: int
    page: int


class QueueSlots(SlotPage):
    """The slots of a work queue, and the flow runs that hold them (none)."""

    flow_runs: BoundedList[Any] = []

    @classmethod
    def of(cls, queue: WorkQueue, page: PageNumber) -> Self:
        """Return the response for the work queue, with no slot taken."""
        return cls(concurrency_limit=queue.concurrency_limit, count=0, limit=page.limit, pages=0, page=page.page)


class PoolQueueSlots(BaseModel):
    """The slots of one queue of a work pool."""

    queue_id: UUID
    queue_name: str
    active_slots: int = 0
    concurrency_limit: int | None
    flow_runs: BoundedList[Any] = []
    flow_run_count: int = 0


class PoolSlots(SlotPage):
    """The slots of a work pool, and a page of its work queues."""

    queues: list[PoolQueueSlots]

    @classmethod
    def of(cls, pool: WorkPool, queues: list[WorkQueue], count: int, page: PageNumber) -> Self:
        """Return the response for the work pool. `queues` are those of the page, `count` is the number of all."""
        return cls(
            concurrency_limit=pool.concurrency_limit,
            queues=[
                PoolQueueSlots(queue_id=queue.id, queue_name=queue.name, concurrency_limit=queue.concurrency_limit)
                for queue in queues
            ],
            count=count,
            limit=page.limit,
            pages=page.pages_of(count),
            page=page.page,
        )
