"""The chaos verdict on indirect changes, and on pools, queues and limits."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from tests.chaos.facts import EventFact, History
from tests.chaos.ledger import Operation, Verb
from tests.unit.chaos.chaos_histories import (
    DEPLOYMENT,
    FLOW,
    categories,
    created,
    history,
    life,
    life_of,
    named,
    state,
    updated,
    upsert,
    without_token,
)

OWN = f"deployment:{DEPLOYMENT}"
POOL = life_of("work-pool", "p", 1, ("created", {"fields": {"description": "c1-op1", "is_paused": False}}))
DEFAULT = life_of("work-queue", "q", 2, ("created", named("default")), pool="p")


def found(events: list[EventFact], *operations: Operation) -> list[str]:
    """Return the categories of the verdict on these events, without judging rows."""
    last = {each.subject: each.revision or 0 for each in events}
    alive = {each.subject for each in events} - {each.subject for each in events if each.what == "deleted"}
    # A resource without a deletion gets a tombstone one revision later, so that it needs no row.
    tombstones = {id_: revision + (id_ in alive) for id_, revision in last.items()}
    given: History = history(events, operations, tombstones=tombstones)
    return [category for category in categories(given) if category != "lost" or not alive]


def creating(token: str, verb: Verb, *answers: str, **more: Any) -> Operation:
    """Return an operation that created something."""
    operation = without_token(token, verb, **more)
    operation.answers = list(answers)
    return operation


def delayed(event: EventFact, seconds: float) -> EventFact:
    return replace(event, occurred=event.occurred + timedelta(seconds=seconds))


def test_a_default_queue_is_created_once_and_after_its_pool() -> None:
    pool = creating("c1-op1", "create-pool", "p")
    assert found([*POOL, *DEFAULT], pool) == []
    assert found([*POOL, delayed(DEFAULT[0], -5)], pool) == ["disordered"]
    second = life_of("work-queue", "r", 3, ("created", named("default")), pool="p")
    assert found([*POOL, *DEFAULT, *second], pool) == ["phantom"]


@pytest.mark.parametrize(("what", "verb"), [("paused", "pause"), ("ready", "resume"), ("ready", "heartbeat")])
def test_a_status_event_of_a_pool_without_a_cause_is_a_phantom(what: str, verb: Verb) -> None:
    fields = {"status": ("NOT_READY", "OTHER")}
    if verb != "heartbeat":
        fields["is_paused"] = (verb == "resume", verb == "pause")  # type: ignore[assignment]
    given = life_of("work-pool", "p", 1, *[(each.what, dict(each.payload)) for each in POOL], (what, updated(**fields)))
    queue = [replace(DEFAULT[0], position=3)]
    given[0] = replace(
        given[0], payload={"fields": {**given[0].fields, "status": "NOT_READY", "is_paused": verb == "resume"}}
    )
    events = sorted([*given, *queue], key=lambda each: each.position)
    pool = creating("c1-op1", "create-pool", "p")
    assert found(events, pool, without_token("c1-op2", verb, "p")) == []
    assert found(events, pool, without_token("c1-op2", verb, "another", acks=0)) == ["phantom"]


def test_an_own_limit_is_created_and_deleted_after_its_deployment() -> None:
    owner = life(
        ("created", created("c1-op1", concurrency_limit=1)),
        ("deleted", {"fields": state(version="c1-op1", concurrency_limit=1)}),
    )
    limit = life_of("concurrency-limit", "l", 3, ("created", named(OWN)), ("deleted", named(OWN)))
    operations = [upsert("c1-op1"), without_token("c1-op2", "delete", DEPLOYMENT)]
    assert found([*owner, *limit], *operations) == []
    late = [owner[0], delayed(owner[1], 5)]
    assert found([*late, *limit], *operations) == ["disordered"]
    assert found(owner, *operations) == ["lost"]
    again = life_of("concurrency-limit", "m", 5, ("created", named(OWN)), ("deleted", named(OWN)))
    assert found([*owner, *limit, *again], *operations) == ["phantom"]


def test_deployments_of_a_deleted_flow_are_deleted_after_it() -> None:
    flow = life_of(
        "flow", FLOW, 1, ("created", {"fields": {"tags": ["c1-op0"]}}), ("deleted", {"fields": {"tags": ["c1-op0"]}})
    )
    gone = life(("created", created("c1-op1")), ("deleted", {"fields": state(version="c1-op1")}), start=3)
    operations = [
        creating("c1-op0", "create-flow", FLOW),
        upsert("c1-op1"),
        without_token("c1-op2", "delete-flow", FLOW),
    ]
    assert found([*flow, *gone], *operations) == []
    early = [flow[0], delayed(flow[1], 5), *gone]
    assert found(early, *operations) == ["disordered"]
    # A client's own delete request may remove the deployment before its flow.
    assert found(early, *operations, without_token("c1-op3", "delete", DEPLOYMENT, acks=0)) == []


def test_a_deployment_loses_its_queue_after_the_queue_is_deleted() -> None:
    queue = life_of(
        "work-queue",
        "r",
        1,
        ("created", {"fields": {"description": "c1-op0"}}),
        ("deleted", {"fields": {"description": "c1-op0"}}),
        pool="p",
    )
    user = life(
        ("created", created("c1-op1", work_queue_id="r")), ("updated", updated(work_queue_id=("r", None))), start=3
    )
    operations = [creating("c1-op0", "create-queue", "r"), upsert("c1-op1")]
    deletion = without_token("c1-op2", "delete-pool", "p", acks=0)
    assert found([*queue, *user], *operations, deletion) == []
    assert found([queue[0], delayed(queue[1], 5), *user], *operations, deletion) == ["disordered"]
    assert found([*queue, *user], *operations, without_token("c1-op2", "delete-queue", "s", acks=0)) == ["phantom"]


def test_a_queue_is_shifted_only_after_another_one_of_its_pool_got_a_priority() -> None:
    creation = {"name": "default", "fields": {"name": "default", "priority": 1}}
    steps = ("created", creation), ("updated", updated(priority=(1, 2)))
    events = [*POOL, *life_of("work-queue", "q", 2, *steps, pool="p")]
    pool = creating("c1-op1", "create-pool", "p")
    other = without_token("c1-op2", "create-queue", "p", acks=0)
    assert found(events, pool, other) == ["phantom"]
    other.values = {"priority": 1}
    assert found(events, pool, other) == []
