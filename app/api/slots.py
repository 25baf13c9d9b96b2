"""The routes for the slots of pools and queues, which `prefect work-pool slots` calls. No slot is ever taken."""

from typing import Annotated
from uuid import UUID

from fastapi import Body
from sqlalchemy.orm import Session

from app.crud.work_pools import pools as work_pools
from app.crud.work_pools import queues as work_queues
from app.schemas.shared import PageNumber, PathName
from app.schemas.slots import PoolSlots, QueueSlots
from app.web.routing import make_router

router = make_router(tags=["slots"])

PageBody = Annotated[PageNumber, Body(default_factory=PageNumber)]


@router.post("/work_pools/{name}/concurrency_status")
def read_slots_of_pool(name: PathName, session: Session, page: PageBody) -> PoolSlots:
    """Return one page of the pool's queues, ordered by priority, each with its taken slots (none)."""
    pool = work_pools.read_work_pool(session, name).pool
    queues = work_queues.list_queues_of_pool(session, name, None, limit=page.limit, offset=page.offset)
    count = work_queues.count_queues_of_pool(session, pool.id)
    return PoolSlots.of(pool, [view.queue for view in queues], count, page)


@router.post("/work_queues/{queue_id:uuid}/concurrency_status")
def read_slots_of_queue(queue_id: UUID, session: Session, page: PageBody) -> QueueSlots:
    """Return the taken slots of the queue (none)."""
    return QueueSlots.of(work_queues.read_work_queue(session, queue_id).queue, page)
