"""The chaos verdict on the clients' operations and their responses."""

from dataclasses import replace

from tests.chaos.facts import History
from tests.chaos.ledger import Operation
from tests.unit.chaos.chaos_histories import (
    DEPLOYMENT,
    FLOW,
    categories,
    correct_history,
    created,
    history,
    life,
    patch,
    row,
    state,
    updated,
    upsert,
    without_token,
)

PAUSED = life(("created", created("c1-op1")), ("updated", updated(paused=(False, True))))
REMOVED = life(
    ("created", created("c1-op1", schedules=[{"id": "s1", "slug": "c1-op1", "parameters": {}}])),
    ("updated", updated(schedules=([{"id": "s1", "slug": "c1-op1", "parameters": {}}], []))),
)
DELETED = life(("created", created("c1-op1")), ("deleted", {"fields": state(version="c1-op1")}))


def with_operation(operation: Operation) -> History:
    found = correct_history()
    return replace(found, operations=[*found.operations, operation])


def test_an_acknowledged_change_without_its_event_is_lost() -> None:
    assert categories(with_operation(patch("c1-op4"))) == ["lost"]


def test_a_change_that_may_have_happened_needs_no_event() -> None:
    assert categories(with_operation(patch("c1-op4", effects=3, acks=0))) == []


def test_a_refused_change_needs_no_event() -> None:
    assert categories(with_operation(patch("c1-op4", effects=0, acks=0))) == []


def test_an_event_of_a_refused_change_is_a_phantom() -> None:
    found = correct_history()
    operations = [*found.operations[:2], patch("c1-op3", effects=0, acks=0)]
    assert categories(replace(found, operations=operations)) == ["phantom"]


def test_an_event_of_a_change_that_no_client_sent_is_a_phantom() -> None:
    found = correct_history()
    assert categories(replace(found, operations=found.operations[:2])) == ["phantom"]


def test_more_events_than_tries_are_duplicates() -> None:
    events = life(
        ("created", created("c1-op1")),
        ("updated", updated(version=("c1-op1", "c1-op2"))),
        ("updated", updated(version=("c1-op2", "c1-op3"))),
        ("updated", updated(version=("c1-op3", "c1-op2"))),
    )
    rows = [row(4, version="c1-op2")]
    others = [upsert("c1-op1"), patch("c1-op3", effects=1)]
    assert categories(history(events, [*others, patch("c1-op2", effects=1)], rows)) == ["duplicated"]
    assert categories(history(events, [*others, patch("c1-op2", effects=2)], rows)) == []


def test_an_upsert_acknowledged_for_another_deployment_is_lost() -> None:
    found = correct_history()
    operation = upsert("c1-op1")
    operation.answers = ["another"]
    assert categories(replace(found, operations=[operation, *found.operations[1:]])) == ["lost"]


def test_a_change_of_more_fields_than_requested_is_a_phantom() -> None:
    found = correct_history()
    more = replace(found.events[2], payload=updated(version=("c1-op2", "c1-op3"), path=(None, "/x")))
    rows = {DEPLOYMENT: row(3, version="c1-op3", path="/x")}
    assert categories(replace(found, events=[*found.events[:2], more], rows=rows)) == ["phantom"]


def test_an_event_of_another_deployment_than_requested_is_a_phantom() -> None:
    found = correct_history()
    found.operations[2].targets = ("another",)
    found.operations[2].acknowledged = None
    assert categories(found) == ["phantom"]


def test_a_creation_by_an_operation_that_creates_nothing_is_a_phantom() -> None:
    found = correct_history()
    assert categories(replace(found, operations=[patch("c1-op1"), *found.operations[1:]])) == ["phantom"]


def test_a_requested_field_without_its_event_is_lost() -> None:
    found = correct_history()
    found.operations[2].values = {"version": "c1-op3", "description": "asked for"}
    assert categories(found) == ["lost"]


def test_an_operation_acknowledged_before_another_was_sent_comes_first() -> None:
    found = correct_history()
    late = patch("c1-op2", sent=6, acknowledged=7)
    assert categories(replace(found, operations=[found.operations[0], late, found.operations[2]])) == ["disordered"]


def test_a_pause_event_without_a_requested_pause_is_a_phantom() -> None:
    rows = [row(2, version="c1-op1", paused=True)]
    pause = without_token("c1-op2", "pause", DEPLOYMENT)
    assert categories(history(PAUSED, [upsert("c1-op1"), pause], rows)) == []
    assert categories(history(PAUSED, [upsert("c1-op1")], rows)) == ["phantom"]


def test_an_acknowledged_pause_without_its_event_is_lost() -> None:
    assert categories(with_operation(without_token("c1-op4", "pause", DEPLOYMENT))) == ["lost"]


def test_a_pause_of_what_may_have_been_paused_already_needs_no_event() -> None:
    operation = without_token("c1-op4", "pause", DEPLOYMENT)
    operation.must = False
    assert categories(with_operation(operation)) == []


def test_the_removal_of_a_schedule_has_one_event() -> None:
    rows = [row(2, version="c1-op1")]
    removal = without_token("c1-op2", "remove-schedule", "s1")
    assert categories(history(REMOVED, [upsert("c1-op1"), removal], rows)) == []
    assert categories(history(REMOVED, [upsert("c1-op1")], rows)) == ["phantom"]
    assert categories(with_operation(without_token("c1-op4", "remove-schedule", "s1"))) == ["lost"]


def test_a_repeated_try_explains_a_change_without_a_token() -> None:
    rows = [row(2, version="c1-op1")]
    assert categories(history(REMOVED, [upsert("c1-op1", effects=2)], rows)) == []


def test_a_deleted_limit_explains_the_change_of_its_deployments_only() -> None:
    events = life(
        ("created", created("c1-op1", concurrency_limit_id="limit-1")),
        ("updated", updated(concurrency_limit_id=("limit-1", None))),
    )
    rows = [row(2, version="c1-op1")]
    deletions = [without_token("c2-op1", "delete-limit", limit, acks=0) for limit in ("limit-1", "limit-2")]
    assert categories(history(events, [upsert("c1-op1"), deletions[0]], rows)) == []
    assert categories(history(events, [upsert("c1-op1"), deletions[1]], rows)) == ["phantom"]


def test_an_acknowledged_deletion_without_its_event_is_lost() -> None:
    assert categories(with_operation(without_token("c1-op4", "delete", DEPLOYMENT))) == ["lost"]
    assert categories(with_operation(without_token("c1-op4", "delete-flow", FLOW))) == ["lost"]


def test_a_deletion_that_no_client_requested_is_a_phantom() -> None:
    tombstones = {DEPLOYMENT: 2}
    assert categories(history(DELETED, [upsert("c1-op1")], tombstones=tombstones)) == ["phantom"]
    refused = without_token("c1-op2", "delete", DEPLOYMENT, effects=0, acks=0)
    assert categories(history(DELETED, [upsert("c1-op1"), refused], tombstones=tombstones)) == ["phantom"]


def test_a_deletion_is_explained_by_an_unanswered_request_or_the_deletion_of_its_flow() -> None:
    tombstones = {DEPLOYMENT: 2}
    for operation in (
        without_token("c1-op2", "bulk-delete", "other", DEPLOYMENT, acks=0),
        without_token("c1-op2", "delete-flow", FLOW, acks=0),
    ):
        assert categories(history(DELETED, [upsert("c1-op1"), operation], tombstones=tombstones)) == []


def test_two_acknowledged_deletions_of_one_deployment_cannot_both_have_their_event() -> None:
    operations = [upsert("c1-op1"), *(without_token(f"c{n}-op2", "delete", DEPLOYMENT) for n in (1, 2))]
    assert categories(history(DELETED, operations, tombstones={DEPLOYMENT: 2})) == ["lost"]
