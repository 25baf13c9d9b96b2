"""Compares the clients' operations with the log: each operation has its event, and each event its operation."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tests.chaos.facts import EventFact, History
from tests.chaos.ledger import CARRYING, CREATING, DELETING, Operation
from tests.chaos.report import Finding
from tests.chaos.verdict.causes import Causes
from tests.chaos.verdict.lives import after
from tests.chaos.verdict.without_token import FLOW_LABEL, causes_of

Lives = Mapping[str, Sequence[EventFact]]


def judge_operations(history: History) -> Iterator[Finding]:
    """Explain every event by an operation, then check that every operation has its required events."""
    causes = Causes(history.operations, history.events)
    lives = history.lives()
    for life in lives.values():
        state: dict[str, Any] = {}
        for event in life:
            state = after(state, event)
            yield from causes.explain(event, state)
    for operation in history.operations:
        yield from _judge_counts(operation, causes.events_by_token[operation.token])
        if operation.verb in CARRYING and operation.must and operation.acknowledged is not None:
            yield from _judge_acknowledged(operation, causes.events_by_token[operation.token])
    yield from _judge_without_token(history.operations, causes)
    yield from _judge_deletions(history.operations, lives)
    yield from _judge_real_time(causes, lives)


def _judge_counts(operation: Operation, events: Sequence[EventFact]) -> Iterator[Finding]:
    if events and not operation.effects:
        yield Finding("phantom", f"{operation.token} was refused, but there is {events[0]}")
    elif len(events) > operation.effects:
        times = f"{len(events)} events, from {events[0]} on"
        yield Finding("duplicated", f"{operation.token} can have happened {operation.effects} times and has {times}")


def _judge_acknowledged(operation: Operation, events: Sequence[EventFact]) -> Iterator[Finding]:
    wanted = set(operation.answers if operation.verb in CREATING else operation.targets)
    for id_ in sorted(wanted - {event.subject for event in events}):
        yield Finding("lost", f"{operation.verb} {operation.token} of {id_} was acknowledged and has no event")


def _judge_without_token(operations: Sequence[Operation], causes: Causes) -> Iterator[Finding]:
    musts = Counter(
        cause
        for operation in operations
        if operation.verb in {"pause", "resume", "remove-schedule"}
        and operation.must
        and operation.acknowledged is not None
        for cause in causes_of(operation)
    )
    for cause, count in musts.items():
        if causes.explained[cause] < count:
            yield Finding("lost", f"{cause[0]} of {cause[1]}: {count} acknowledged, {causes.explained[cause]} events")


def _judge_deletions(operations: Sequence[Operation], lives: Lives) -> Iterator[Finding]:
    dead = {id_ for id_, life in lives.items() if any(event.what == "deleted" for event in life)}
    answered = [operation for operation in operations if operation.acknowledged is not None]
    deleted = Counter(id_ for each in answered if each.verb in DELETING for id_ in each.answers)
    for id_, count in deleted.items():
        if id_ not in dead:
            yield Finding("lost", f"the deletion of {id_} was acknowledged and has no event")
        elif count > 1:
            yield Finding("lost", f"{count} deletions of {id_} were acknowledged, only one can have an event")
    flows = {id_ for each in answered if each.verb == "delete-flow" for id_ in each.answers}
    for id_, life in lives.items():
        flow = (life[0].fields.get("labels") or {}).get(FLOW_LABEL)
        if flow in flows and id_ not in dead:
            yield Finding("lost", f"the deletion of flow {flow} was acknowledged, its {id_} has no deleted event")


def _judge_real_time(causes: Causes, lives: Lives) -> Iterator[Finding]:
    """Check that an operation acknowledged before another was sent comes first, on the same resource."""
    first: dict[str, dict[str, int]] = {id_: {} for id_ in lives}
    for token, events in causes.events_by_token.items():
        for event in events:
            revisions = first[event.subject]
            revisions[token] = min(revisions.get(token, event.revision or 0), event.revision or 0)
    for id_, revisions in first.items():
        operations = [causes.by_token[token] for token in revisions]
        answered = sorted(
            (operation.acknowledged, revisions[operation.token], operation.token)
            for operation in operations
            if operation.acknowledged is not None and operation.answers[:1] in ([], [id_])
        )
        latest, at = (0, ""), 0
        for operation in sorted(operations, key=lambda operation: operation.sent):
            while at < len(answered) and answered[at][0] < operation.sent:
                latest = max(latest, answered[at][1:])
                at += 1
            if revisions[operation.token] < latest[0]:
                mine = f"{operation.token} at revision {revisions[operation.token]}"
                yield Finding("disordered", f"of {id_}: {mine} was sent after {latest[1]} at {latest[0]} was answered")
