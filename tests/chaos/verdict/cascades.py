"""Checks the effects of changes on other resources: each has its event and does not occur before its cause."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from tests.chaos.facts import DEPLOYMENT, LIMIT, POOL, QUEUE, EventFact, History
from tests.chaos.report import Finding
from tests.chaos.verdict.tokens import new_tokens
from tests.chaos.verdict.without_token import FLOW_LABEL, OWN_LIMIT

Life = Sequence[EventFact]
Step = tuple[str, int | None]
"""What happens to an own limit, and its number."""


def judge_cascades(history: History) -> Iterator[Finding]:
    """Compare the events of causes and of their effects."""
    lives = history.lives()
    asked = {id_ for each in history.operations if each.verb in {"delete", "bulk-delete"} for id_ in each.targets}
    deletions = {id_: life[-1] for id_, life in lives.items() if life[-1].what == "deleted"}
    for life in lives.values():
        for event in life:
            yield from _judge_order(event, deletions, asked)
    yield from _judge_default_queues(lives)
    yield from _judge_own_limits(lives)


def _judge_order(event: EventFact, deletions: Mapping[str, EventFact], asked: set[str]) -> Iterator[Finding]:
    for id_ in _goes_after(event, asked):
        if id_ in deletions and event.occurred <= deletions[id_].occurred:
            yield Finding("disordered", f"{event} follows from {deletions[id_]} and did not occur after it")
    if event.kind == QUEUE and event.what == "deleted":
        pool = deletions.get(event.pool)
        if pool is not None and event.occurred >= pool.occurred:
            yield Finding("disordered", f"{pool} goes with {event} and did not occur after it")


def _goes_after(event: EventFact, asked: set[str]) -> Iterator[str]:
    """Yield the ids of the resources whose deletion must precede this event."""
    if event.kind != DEPLOYMENT:
        return
    if event.what == "deleted" and event.subject not in asked:
        yield str((event.fields.get("labels") or {}).get(FLOW_LABEL))
    if event.what == "updated" and not new_tokens(event):
        for name in ("work_queue_id", "concurrency_limit_id"):
            update = event.updates.get(name, {"to": name})
            if update["to"] is None:
                yield str(update["from"])


def _judge_default_queues(lives: Mapping[str, Life]) -> Iterator[Finding]:
    """Check that each created pool has one default queue, created after it."""
    pools = {id_: life[0] for id_, life in lives.items() if life[0].kind == POOL and life[0].what == "created"}
    found: defaultdict[str, list[EventFact]] = defaultdict(list)
    for life in lives.values():
        if life[0].kind == QUEUE and life[0].what == "created" and life[0].name == "default":
            found[life[0].pool].append(life[0])
    for id_ in sorted({*pools, *found}):
        if id_ not in pools or len(found[id_]) > 1:
            yield Finding("phantom", f"nobody caused {found[id_][-1]} in pool {id_}")
        elif not found[id_]:
            yield Finding("lost", f"the default queue of pool {id_} has no event")
        elif found[id_][0].occurred <= pools[id_].occurred:
            yield Finding("disordered", f"{found[id_][0]} did not occur after {pools[id_]}")


def _judge_own_limits(lives: Mapping[str, Life]) -> Iterator[Finding]:
    """Check that each change of a deployment's `concurrency_limit` is followed by one of its own limit."""
    found: defaultdict[str, list[EventFact]] = defaultdict(list)
    for life in lives.values():
        for event in life:
            if event.kind == LIMIT and event.name.startswith(OWN_LIMIT):
                found[event.name.removeprefix(OWN_LIMIT)].append(event)
    owners = {id_ for id_, life in lives.items() if life[0].kind == DEPLOYMENT}
    for id_ in sorted(owners | found.keys()):
        causes = list(_changes_of_number(lives.get(id_, ())))
        effects = sorted(found[id_], key=lambda event: event.occurred)
        for (step, cause), effect in zip(causes, effects, strict=False):
            if step != _step(effect):
                yield Finding("phantom", f"{cause} made its own limit {step}, but there is {effect}")
            elif effect.occurred <= cause.occurred:
                yield Finding("disordered", f"{effect} follows from {cause} and did not occur after it")
        for _, cause in causes[len(effects) :]:
            yield Finding("lost", f"{cause} has no effect on the limit of its own")
        for effect in effects[len(causes) :]:
            yield Finding("phantom", f"nothing that {id_} went through caused {effect}, its own limit")


def _changes_of_number(life: Life) -> Iterator[tuple[Step, EventFact]]:
    number: int | None = None
    for event in life:
        before = number
        if event.what == "deleted":
            number = None
        elif event.what == "created":
            number = event.fields.get("concurrency_limit")
        else:
            number = event.updates.get("concurrency_limit", {"to": number})["to"]
        if number != before:
            yield ("deleted" if number is None else "updated" if before is not None else "created", number), event


def _step(event: EventFact) -> Step:
    if event.what == "updated":
        return "updated", event.updates.get("limit", {}).get("to")
    return event.what, event.fields.get("limit") if event.what == "created" else None
