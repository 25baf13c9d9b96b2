"""A client's changes of work pools, and the heartbeats and polls of their workers."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from app.crud import deletions
from app.crud.work_pools import polls
from app.crud.work_pools import pools as work_pools
from app.crud.work_pools import workers as pool_workers
from app.models import AGENT_TYPE
from app.schemas.pool_workers import Heartbeat
from tests.integration.model import consequences
from tests.integration.model.changes import refused_if, refused_unless, without
from tests.integration.model.histories import Draft
from tests.integration.model.states import DEPLOYMENT, POOL, QUEUE, first_status


@dataclass(frozen=True)
class CreatePool:
    """Create a pool with its default queue."""

    name: str
    type: str
    fields: dict[str, Any]

    def __call__(self, session: Session, draft: Draft) -> None:
        key = (POOL, self.name)
        with refused_if(key in draft.alive):
            values = {"name": self.name, "type": self.type, **self.fields}
            pool, default_queue_id = work_pools.create_work_pool(session, values)
        if key in draft.alive:
            return
        status = first_status(self.fields) if self.type != AGENT_TYPE else None
        entry = draft.create(key, pool.id, {**self.fields, "status": status})
        default = {"name": "default", "description": "The work pool's default queue."}
        draft.create((QUEUE, self.name, "default"), default_queue_id, default, [entry], is_default=True)


@dataclass(frozen=True)
class UpdatePool:
    """Change fields of a pool; pausing or resuming is a separate change."""

    name: str
    fields: dict[str, Any]

    def __call__(self, session: Session, draft: Draft) -> None:
        key = (POOL, self.name)
        with refused_unless(key in draft.alive):
            work_pools.update_work_pool(session, self.name, self.fields)
        if key in draft.alive:
            draft.change(key, **without(self.fields, "is_paused"))
            if "is_paused" in self.fields:
                consequences.pause(draft, key, self.fields["is_paused"])


@dataclass(frozen=True)
class DeletePool:
    """Delete a pool and its queues: each deployment that used one changes."""

    name: str

    def __call__(self, session: Session, draft: Draft) -> None:
        key = (POOL, self.name)
        with refused_unless(key in draft.alive):
            deletions.delete_work_pool(session, self.name)
        if key in draft.alive:
            consequences.delete_queues(draft, draft.keys(QUEUE, self.name), key)


@dataclass(frozen=True)
class SendHeartbeat:
    """A worker of the pool sends a heartbeat."""

    pool: str
    worker: str

    def __call__(self, session: Session, draft: Draft) -> None:
        key = (POOL, self.pool)
        with refused_unless(key in draft.alive):
            pool_workers.record_heartbeat(session, self.pool, Heartbeat(name=self.worker))
        if key in draft.alive:
            consequences.set_active_polls(draft, key, draft.alive[key].active_polls | {self.worker})


@dataclass(frozen=True)
class ForgetWorker:
    """Delete a worker of the pool, if the model still counts it as online."""

    pool: str
    worker: str

    def __call__(self, session: Session, draft: Draft) -> None:
        key = (POOL, self.pool)
        if key not in draft.alive or self.worker not in draft.alive[key].active_polls:
            return
        pool_workers.delete_worker(session, self.pool, self.worker)
        consequences.set_active_polls(draft, key, draft.alive[key].active_polls - {self.worker})


@dataclass(frozen=True)
class PollPool:
    """Poll for the runs of one queue of a pool, or of all; a poll without an online worker does not count."""

    pool: str
    queue: str | None

    def __call__(self, session: Session, draft: Draft) -> None:
        named = (self.pool,) if self.queue is None else (self.pool, self.queue)
        queues = draft.keys(QUEUE, *named)
        with refused_unless(bool(queues)):
            polls.record_poll_of_pool(session, self.pool, None if self.queue is None else [self.queue])
        if not queues or not draft.alive[POOL, self.pool].active_polls:
            return
        for key in queues:
            draft.set_active_polls(key, {"a poll"})
        entries = [entry for key in queues if (entry := consequences.refresh_status(draft, key)) is not None]
        ids = {str(draft.alive[key].id) for key in queues}
        for key in draft.keys(DEPLOYMENT):
            if draft.alive[key].state["work_queue_id"] in ids:
                consequences.refresh_status(draft, key, entries)
