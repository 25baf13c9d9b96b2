"""Finds possible causes of events without an operation token, and possible effects of operations without one."""

from collections.abc import Iterator
from typing import Final

from tests.chaos.facts import DEPLOYMENT, FLOW, LIMIT, POOL, QUEUE, EventFact
from tests.chaos.ledger import CARRYING, Operation
from tests.chaos.verdict.tokens import schedule_ids

FLOW_LABEL: Final = "prefect.flow.id"
LIMIT_FIELDS: Final = frozenset({"concurrency_limit", "concurrency_limit_id"})
OWN_LIMIT: Final = "deployment:"
"""What the names of own limits begin with; their events follow from the deployment's, which tell their operation."""

DELETIONS: Final = {
    DEPLOYMENT: "delete",
    FLOW: "delete-flow",
    LIMIT: "delete-limit",
    POOL: "delete-pool",
    QUEUE: "delete-queue",
}

Cause = tuple[str, str]
"""What an operation did to which id."""

SHARED: Final = frozenset({"delete-limit", "delete-queue", "delete-pool", "move", "make-queue", "heartbeat", "poll"})
"""These may each cause any number of events, of different resources or at different times."""


def causes_of(operation: Operation) -> list[Cause]:
    """Return the causes that an operation provides for events without its token."""
    if operation.queue:
        return [("make-queue", operation.queue)]
    if operation.verb in {"create-queue", "update-queue"}:
        # A priority moves other queues down.
        return [("move", target) for target in operation.targets] if "priority" in operation.values else []
    if operation.verb in CARRYING:
        return []
    verb = "delete" if operation.verb == "bulk-delete" else operation.verb
    return [(verb, target) for target in operation.targets]


def is_consequence(event: EventFact) -> bool:
    """Return whether the event follows from another event (see `cascades`) or only from the passing of time."""
    if event.what == "not-ready":
        return "is_paused" not in event.updates
    if event.what == "ready" and event.kind == DEPLOYMENT:
        # A poll of the deployment or of its queue caused it.
        return True
    if event.kind == QUEUE and event.what == "created" and event.name == "default":
        return True
    return event.kind == LIMIT and event.name.startswith(OWN_LIMIT)


def causes_without_token(event: EventFact, pool_of: dict[str, str]) -> Iterator[Cause]:
    """Yield the possible causes of an event without a token; `pool_of` maps queue ids to pool ids."""
    if event.what == "deleted":
        yield from _deletions(event)
    elif "is_paused" in event.updates:
        yield ("pause" if event.updates["is_paused"]["to"] else "resume"), event.subject
    elif event.what == "ready":
        yield ("heartbeat", event.subject) if event.kind == POOL else ("poll", event.pool)
    elif event.kind == QUEUE:
        if event.what == "created":
            yield "make-queue", event.name
        elif event.updates.keys() == {"priority"}:
            yield "move", event.pool
    elif event.kind == DEPLOYMENT:
        yield from _changes_of_deployments(event, pool_of)


def _deletions(event: EventFact) -> Iterator[Cause]:
    yield DELETIONS[event.kind], event.subject
    if event.kind == DEPLOYMENT:
        yield "delete-flow", str((event.fields.get("labels") or {}).get(FLOW_LABEL))
    if event.kind == QUEUE:
        yield "delete-pool", event.pool


def _changes_of_deployments(event: EventFact, pool_of: dict[str, str]) -> Iterator[Cause]:
    changed = event.updates.keys()
    if changed == {"paused"}:
        yield ("pause" if event.updates["paused"]["to"] else "resume"), event.subject
    if changed == {"schedules"}:
        before, after = (schedule_ids(event.updates["schedules"][side]) for side in ("from", "to"))
        if after < before and len(before - after) == 1:
            yield "remove-schedule", (before - after).pop()
    if changed <= LIMIT_FIELDS and all(update["to"] is None for update in event.updates.values()):
        yield "delete-limit", str(event.updates.get("concurrency_limit_id", {}).get("from"))
    if changed == {"work_queue_id"} and event.updates["work_queue_id"]["to"] is None:
        queue = str(event.updates["work_queue_id"]["from"])
        yield "delete-queue", queue
        yield "delete-pool", pool_of.get(queue, "")
