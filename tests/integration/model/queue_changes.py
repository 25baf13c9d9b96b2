"""A client's changes of work queues."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.crud import deletions
from app.crud.work_pools import queues as work_queues
from app.errors import Conflict
from app.models import WorkPool, WorkQueue
from tests.integration.model import consequences
from tests.integration.model.changes import refused_if, refused_unless, without
from tests.integration.model.histories import Draft
from tests.integration.model.states import QUEUE, Key, first_status

Place = tuple[str, str | None]
"""The names of a pool and of a queue in it; None stands for its default queue."""


def read_id(session: Session, pool: str, name: str) -> UUID:
    """Return the id of a queue that the product has just created."""
    named = (WorkPool.name == pool, WorkQueue.name == name)
    return session.scalars(
        select(WorkQueue.id).join(WorkPool, WorkPool.id == WorkQueue.work_pool_id).where(*named)
    ).one()


def resolve(session: Session, draft: Draft, place: Place) -> str:
    """Return the id of the queue that a deployment was just assigned to; add it to the model if it is new."""
    pool, name = place
    if name is None:
        (id_,) = [draft.alive[key].id for key in draft.keys(QUEUE, pool) if draft.alive[key].is_default]
        return str(id_)
    key = (QUEUE, pool, name)
    if key not in draft.alive:
        priority = consequences.free_place(draft, pool)
        draft.create(key, read_id(session, pool, name), {"name": name, "priority": priority})
    return str(draft.alive[key].id)


@dataclass(frozen=True)
class CreateQueue:
    """Create a queue; queues that conflict with its priority move down."""

    pool: str
    name: str
    fields: dict[str, Any]

    def __call__(self, session: Session, draft: Draft) -> None:
        key = (QUEUE, self.pool, self.name)
        if not draft.keys(QUEUE, self.pool):
            with refused_unless(False):
                work_queues.create_work_queue(session, self.pool, {"name": self.name, **self.fields})
            return
        with refused_if(key in draft.alive):
            queue = work_queues.create_work_queue(session, self.pool, {"name": self.name, **self.fields}).queue
        if key not in draft.alive:
            fields = {"priority": consequences.free_place(draft, self.pool), **self.fields, "name": self.name}
            entry = draft.create(key, queue.id, {**fields, "status": first_status(fields)})
            consequences.move_down(draft, key, [entry])


@dataclass(frozen=True)
class UpdateQueue:
    """Change fields of a queue: its name, its priority, whether it is paused."""

    key: Key
    fields: dict[str, Any]

    def __call__(self, session: Session, draft: Draft) -> None:
        living = draft.alive.get(self.key)
        if living is None:
            return
        new = (QUEUE, self.key[1], self.fields.get("name", self.key[2]))
        taken = new != self.key and new in draft.alive
        with refused_if(taken):
            work_queues.update_work_queue(session, living.id, self.fields)
        if taken:
            return
        others = without(self.fields, "is_paused")
        entry = draft.change(self.key, **others)
        if entry is not None and "priority" in others:
            consequences.move_down(draft, self.key, [entry])
        if "is_paused" in self.fields:
            consequences.pause(draft, self.key, self.fields["is_paused"])
        draft.rename(self.key, new)


@dataclass(frozen=True)
class DeleteQueue:
    """Delete a queue: each deployment that used it changes. The default queue cannot be deleted."""

    key: Key

    def __call__(self, session: Session, draft: Draft) -> None:
        living = draft.alive.get(self.key)
        if living is None:
            return
        with refused_unless(not living.is_default, Conflict):
            deletions.delete_work_queue(session, living.id)
        if not living.is_default:
            consequences.delete_queues(draft, [self.key])
