"""The chaos verdict on the clients' operations and their responses."""

from dataclasses import replace

from tests.chaos.facts import History
from tests.chaos.ledger import Operation
from tests.unit.chaos.chaos_histories import (
    DEPLOYMENT,
    FLOW,
    created,
    history,
    life,
    patch,
    row,
    silent,
    state,
    updated,
    upsert,
    well,
    words,
)

PAUSED = life(("created", created("c1-op1")), ("updated", updated(paused=(False, True))))
REMOVED = life(
    ("created", created("c1-op1", schedules=[{"id": "s1", "slug": "c1-op1", "parameters": {}}])),
    ("updated", updated(schedules=([{"id": "s1", "slug": "c1-op1", "parameters": {}}], []))),
)
DELETED = life(("created", created("c1-op1")), ("deleted", {"fields": state(version="c1-op1")}))


def with_operation(operation: Operation) -> History:
    found = well()
    return replace(found, operations=[*found.operations, operation])


def test_an_acknowledged_change_without_its_event_is_lost() -> None:
    assert words(with_operation(patch("c1-op4"))) == ["lost"]


def test_a_change_that_may_have_happened_need_not_have() -> None:
    assert words(with_operation(patch("c1-op4", effects=3, acks=0))) == []


def test_a_refused_change_need_not_have_happened() -> None:
    assert words(with_operation(patch("c1-op4", effects=0, acks=0))) == []


def test_an_event_of_a_change_that_was_refused_is_a_phantom() -> None:
    found = well()
    operations = [*found.operations[:2], patch("c1-op3", effects=0, acks=0)]
    assert words(replace(found, operations=operations)) == ["phantom"]


def test_an_event_of_a_change_that_nobody_sent_is_a_phantom() -> None:
    found = well()
    assert words(replace(found, operations=found.operations[:2])) == ["phantom"]


def test_more_events_than_tries_are_duplicates() -> None:
    events = life(
        ("created", created("c1-op1")),
        ("updated", updated(version=("c1-op1", "c1-op2"))),
        ("updated", updated(version=("c1-op2", "c1-op3"))),
        ("updated", updated(version=("c1-op3", "c1-op2"))),
    )
    rows = [row(4, version="c1-op2")]
    others = [upsert("c1-op1"), patch("c1-op3", effects=1)]
    assert words(history(events, [*others, patch("c1-op2", effects=1)], rows)) == ["duplicated"]
    assert words(history(events, [*others, patch("c1-op2", effects=2)], rows)) == []


def test_an_upsert_that_was_acknowledged_for_another_deployment_is_lost() -> None:
    found = well()
    operation = upsert("c1-op1")
    operation.answers = ["another"]
    assert words(replace(found, operations=[operation, *found.operations[1:]])) == ["lost"]


def test_a_change_of_more_than_was_asked_for_is_a_phantom() -> None:
    found = well()
    more = replace(found.events[2], payload=updated(version=("c1-op2", "c1-op3"), path=(None, "/x")))
    rows = {DEPLOYMENT: row(3, version="c1-op3", path="/x")}
    assert words(replace(found, events=[*found.events[:2], more], rows=rows)) == ["phantom"]


def test_an_event_of_another_deployment_than_was_asked_for_is_a_phantom() -> None:
    found = well()
    found.operations[2].targets = ("another",)
    found.operations[2].acknowledged = None
    assert words(found) == ["phantom"]


def test_a_creation_by_what_creates_nothing_is_a_phantom() -> None:
    found = well()
    assert words(replace(found, operations=[patch("c1-op1"), *found.operations[1:]])) == ["phantom"]


def test_a_part_of_a_change_that_no_event_tells_is_lost() -> None:
    found = well()
    found.operations[2].values = {"version": "c1-op3", "description": "asked for"}
    assert words(found) == ["lost"]


def test_what_was_answered_stands_before_what_was_sent_later() -> None:
    found = well()
    late = patch("c1-op2", sent=6, acknowledged=7)
    assert words(replace(found, operations=[found.operations[0], late, found.operations[2]])) == ["disordered"]


def test_a_pause_is_explained_by_one_that_was_asked_for() -> None:
    rows = [row(2, version="c1-op1", paused=True)]
    pause = silent("c1-op2", "pause", DEPLOYMENT)
    assert words(history(PAUSED, [upsert("c1-op1"), pause], rows)) == []
    assert words(history(PAUSED, [upsert("c1-op1")], rows)) == ["phantom"]


def test_an_acknowledged_pause_without_its_event_is_lost() -> None:
    assert words(with_operation(silent("c1-op4", "pause", DEPLOYMENT))) == ["lost"]


def test_a_pause_of_what_may_have_been_paused_needs_no_event() -> None:
    operation = silent("c1-op4", "pause", DEPLOYMENT)
    operation.must = False
    assert words(with_operation(operation)) == []


def test_the_removal_of_a_schedule_has_one_event() -> None:
    rows = [row(2, version="c1-op1")]
    removal = silent("c1-op2", "remove-schedule", "s1")
    assert words(history(REMOVED, [upsert("c1-op1"), removal], rows)) == []
    assert words(history(REMOVED, [upsert("c1-op1")], rows)) == ["phantom"]
    assert words(with_operation(silent("c1-op4", "remove-schedule", "s1"))) == ["lost"]


def test_a_try_that_arrives_again_explains_a_change_without_a_token() -> None:
    rows = [row(2, version="c1-op1")]
    assert words(history(REMOVED, [upsert("c1-op1", effects=2)], rows)) == []


def test_the_deletion_of_a_limit_changes_the_deployments_under_it() -> None:
    events = life(
        ("created", created("c1-op1", concurrency_limit_id="limit-1")),
        ("updated", updated(concurrency_limit_id=("limit-1", None))),
    )
    rows = [row(2, version="c1-op1")]
    deletions = [silent("c2-op1", "delete-limit", limit, acks=0) for limit in ("limit-1", "limit-2")]
    assert words(history(events, [upsert("c1-op1"), deletions[0]], rows)) == []
    assert words(history(events, [upsert("c1-op1"), deletions[1]], rows)) == ["phantom"]


def test_an_acknowledged_deletion_without_its_event_is_lost() -> None:
    assert words(with_operation(silent("c1-op4", "delete", DEPLOYMENT))) == ["lost"]
    assert words(with_operation(silent("c1-op4", "delete-flow", FLOW))) == ["lost"]


def test_a_deletion_that_nobody_asked_for_is_a_phantom() -> None:
    graves = {DEPLOYMENT: 2}
    assert words(history(DELETED, [upsert("c1-op1")], graves=graves)) == ["phantom"]
    refused = silent("c1-op2", "delete", DEPLOYMENT, effects=0, acks=0)
    assert words(history(DELETED, [upsert("c1-op1"), refused], graves=graves)) == ["phantom"]


def test_a_deletion_that_never_answered_or_that_of_the_flow_explains_it() -> None:
    graves = {DEPLOYMENT: 2}
    for operation in (
        silent("c1-op2", "bulk-delete", "other", DEPLOYMENT, acks=0),
        silent("c1-op2", "delete-flow", FLOW, acks=0),
    ):
        assert words(history(DELETED, [upsert("c1-op1"), operation], graves=graves)) == []


def test_two_acknowledged_deletions_of_one_deployment_cannot_both_have_their_event() -> None:
    operations = [upsert("c1-op1"), *(silent(f"c{n}-op2", "delete", DEPLOYMENT) for n in (1, 2))]
    assert words(history(DELETED, operations, graves={DEPLOYMENT: 2})) == ["lost"]
