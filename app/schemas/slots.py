"""The bodies of the routes that show who holds the slots of a concurrency limit: nothing runs here, so nobody does."""

from typing import Any, Self
from uuid import UUID

from pydantic import BaseModel

from app.models import WorkPool, WorkQueue
from app.schemas.shared import PageNumber


class SlotPage(BaseModel):
    """Which page of how many this is, and how many slots are taken of how many."""

    active_slots: int = 0
    concurrency_limit: int | None
    count: int
    limit: int
    pages: int
    page: int


class QueueSlots(SlotPage):
    """The slots of a work queue, and the flow runs that hold them."""

    flow_runs: list[Any] = []

    @classmethod
    def of(cls, queue: WorkQueue, page: PageNumber) -> Self:
        """Return the slots of the work queue, none of which is taken."""
        return cls(concurrency_limit=queue.concurrency_limit, count=0, limit=page.limit, pages=0, page=page.page)


class SlotsOfQueue(BaseModel):
    """One queue in the answer about its pool."""

    queue_id: UUID
    queue_name: str
    active_slots: int = 0
    concurrency_limit: int | None
    flow_runs: list[Any] = []
    flow_run_count: int = 0


class PoolSlots(SlotPage):
    """The slots of a work pool, and a page of its queues."""

    queues: list[SlotsOfQueue]

    @classmethod
    def of(cls, pool: WorkPool, queues: list[WorkQueue], count: int, page: PageNumber) -> Self:
        """Return the slots of the work pool, which has `count` queues; these are those of the page."""
        return cls(
            concurrency_limit=pool.concurrency_limit,
            queues=[
                SlotsOfQueue(queue_id=queue.id, queue_name=queue.name, concurrency_limit=queue.concurrency_limit)
                for queue in queues
            ],
            count=count,
            limit=page.limit,
            pages=page.pages_of(count),
            page=page.page,
        )
