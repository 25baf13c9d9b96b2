"""The indirect changes that the model expects: statuses, own limits, moved queues and deletions."""

from collections.abc import Iterable
from itertools import count
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models import ConcurrencyLimit
from tests.integration.model.histories import Draft, Entry
from tests.integration.model.states import DEPLOYMENT, FLOW, LIMIT, POOL, QUEUE, Key, State


def is_ready(draft: Draft, key: Key) -> bool:
    """Return whether a pool has workers, or a queue or a deployment is polled (a deployment also by its queue)."""
    living = draft.alive[key]
    if living.active_polls or key[0] != DEPLOYMENT:
        return bool(living.active_polls)
    queue_id = living.state["work_queue_id"]
    return any(draft.alive[queue].active_polls for queue in draft.keys(QUEUE) if str(draft.alive[queue].id) == queue_id)


def refresh_status(draft: Draft, key: Key, causes: Iterable[Entry] = ()) -> Entry | None:
    """Set the current status of a pool, a queue or a deployment."""
    return draft.change(key, causes, status=_due(draft, key, draft.alive[key].state.get("is_paused", False)))


def set_active_polls(draft: Draft, key: Key, active_polls: Iterable[str]) -> None:
    """Set the workers of a pool or the polls of a deployment, and its current status."""
    draft.set_active_polls(key, active_polls)
    refresh_status(draft, key)


def pause(draft: Draft, key: Key, is_paused: bool) -> Entry | None:
    """Pause or resume a pool or a queue; if `is_paused` does not change, neither does the status."""
    if draft.alive[key].state["is_paused"] == is_paused:
        return None
    return draft.change(key, is_paused=is_paused, status=_due(draft, key, is_paused))


def move_down(draft: Draft, moved: Key, causes: Iterable[Entry]) -> None:
    """Shift the queues that conflict with this one's priority: each by one, until one gets a free priority."""
    others = {key: draft.alive[key].state["priority"] for key in draft.keys(QUEUE, moved[1]) if key != moved}
    place = draft.alive[moved].state["priority"]
    while in_the_way := [key for key, taken in others.items() if taken == place]:
        place += 1
        del others[in_the_way[0]]
        draft.change(in_the_way[0], causes, priority=place)


def free_place(draft: Draft, pool: str) -> int:
    """Return the pool's first free priority."""
    taken: set[int] = {draft.alive[key].state["priority"] for key in draft.keys(QUEUE, pool)}
    return next(place for place in count(1) if place not in taken)


def own_limit(draft: Draft, key: Key) -> Key:
    """Return the key of the deployment's own limit."""
    return (LIMIT, f"deployment:{draft.alive[key].id}")


def id_of_own_limit(session: Session, draft: Draft, deployment_id: UUID) -> str:
    """Return the id of a deployment's own limit: from the model, or from the database if it was just created."""
    key = (LIMIT, f"deployment:{deployment_id}")
    if key in draft.alive:
        return str(draft.alive[key].id)
    return str(session.scalars(select(ConcurrencyLimit.id).where(ConcurrencyLimit.name == key[1])).one())


def follow(draft: Draft, key: Key, before: State, entry: Entry | None) -> None:
    """Update the own limit and the status after a change of a deployment whose state was `before`."""
    if entry is None:
        return
    after, own = draft.alive[key].state, own_limit(draft, key)
    number = after["concurrency_limit"]
    if number is None and own in draft.alive:
        draft.delete(own, [entry])
    elif number is not None and own not in draft.alive:
        draft.create(own, UUID(after["concurrency_limit_id"]), {"name": own[1], "limit": number}, [entry])
    elif number != before["concurrency_limit"]:
        draft.change(own, [entry], limit=number)
    if after["work_queue_id"] != before["work_queue_id"]:
        refresh_status(draft, key)


def delete_deployment(draft: Draft, key: Key, causes: Iterable[Entry] = ()) -> None:
    """Delete a deployment and its own limit."""
    own = own_limit(draft, key)
    entry = draft.delete(key, causes)
    if own in draft.alive:
        draft.delete(own, [entry])


def delete_flow(draft: Draft, flow: str) -> None:
    """Delete a flow and its deployments."""
    entry = draft.delete((FLOW, flow))
    for key in draft.keys(DEPLOYMENT, flow):
        delete_deployment(draft, key, [entry])


def delete_queues(draft: Draft, keys: list[Key], pool: Key | None = None) -> None:
    """Delete queues and then, if one is passed, their pool; their deployments remain, without a queue."""
    ids = [str(draft.alive[key].id) for key in keys]
    entries = [draft.delete(key) for key in keys]
    if pool is not None:
        entries.append(draft.delete(pool, entries))
    for key in _using(draft, "work_queue_id", ids):
        before = draft.alive[key].state
        follow(draft, key, before, draft.change(key, entries, work_queue_id=None))


def delete_limit(draft: Draft, key: Key) -> None:
    """Delete a limit; the deployments that use it remain, without a limit."""
    using = _using(draft, "concurrency_limit_id", [str(draft.alive[key].id)])
    entry = draft.delete(key)
    for deployment in using:
        draft.change(deployment, [entry], concurrency_limit=None, concurrency_limit_id=None)


def _using(draft: Draft, field: str, ids: list[str]) -> list[Key]:
    return [key for key in draft.keys(DEPLOYMENT) if draft.alive[key].state[field] in ids]


def _due(draft: Draft, key: Key, is_paused: bool) -> str | None:
    if key[0] == POOL and draft.alive[key].state["status"] is None:
        # Pools of legacy agents have no status.
        return None
    return "PAUSED" if is_paused else "READY" if is_ready(draft, key) else "NOT_READY"
