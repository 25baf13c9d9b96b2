"""The chaos verdict on the history of one deployment, compared with its row or tombstone."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from tests.chaos.facts import History, RowFact, agrees
from tests.chaos.ledger import Operation
from tests.unit.chaos.chaos_histories import (
    DEPLOYMENT,
    NOON,
    categories,
    correct_history,
    created,
    event,
    history,
    life,
    patch,
    row,
    state,
    updated,
    upsert,
    without_token,
)


def with_changed_event(at: int, **changes: Any) -> History:
    found = correct_history()
    events = [replace(each, **changes) if number == at else each for number, each in enumerate(found.events)]
    return replace(found, events=events, tails=[])


def test_a_revision_without_its_event_is_lost() -> None:
    found = correct_history()
    assert categories(replace(found, rows={DEPLOYMENT: row(4, version="c1-op3")})) == ["lost"]


def test_a_row_without_any_event_is_lost() -> None:
    found = correct_history()
    rows = {**found.rows, "other": row(1, "other")}
    assert categories(replace(found, rows=rows)) == ["lost"]


def test_an_event_above_the_revision_of_the_row_is_a_phantom() -> None:
    found = correct_history()
    assert "phantom" in categories(replace(found, rows={DEPLOYMENT: row(2, version="c1-op2")}))


def test_events_of_a_deployment_that_never_existed_are_phantoms() -> None:
    assert categories(replace(correct_history(), rows={})) == ["phantom"]


def test_a_row_that_differs_from_the_result_of_its_events_is_lost() -> None:
    assert categories(
        replace(correct_history(), rows={DEPLOYMENT: row(3, version="c1-op3", description="secretly")})
    ) == ["lost"]


def test_a_row_that_names_another_last_event_is_disordered() -> None:
    found = correct_history()
    rows = {DEPLOYMENT: replace(found.rows[DEPLOYMENT], event_id="another")}
    assert categories(replace(found, rows=rows)) == ["disordered"]


def test_a_masked_value_agrees_with_any_stored_value() -> None:
    variables = {"env": {"KEY": {"$masked": "0123456789ab"}}}
    events = life(("created", created("c1-op1", infra_overrides=variables)))
    stored = row(1, version="c1-op1", infra_overrides={"env": {"KEY": "a secret"}})
    assert categories(history(events, [upsert("c1-op1")], [stored])) == []


def test_a_second_creation_is_a_phantom() -> None:
    again = created("c1-op3")
    found = with_changed_event(2, event="prefect.deployment.created", payload=again)
    upserted = replace(found, operations=[*found.operations[:2], upsert("c1-op3", sent=4, acknowledged=5)])
    assert categories(upserted) == ["phantom"]


def test_a_change_that_starts_from_another_value_is_disordered() -> None:
    assert categories(with_changed_event(2, payload=updated(version=("c1-op1", "c1-op3")))) == ["disordered"]


def test_an_updated_field_with_two_equal_values_is_a_phantom() -> None:
    found = with_changed_event(2, payload=updated(version=("c1-op2", "c1-op3"), path=(None, None)))
    found.operations[2].fields = frozenset({"version", "path"})
    assert categories(found) == ["phantom"]


def test_an_update_without_fields_is_a_phantom() -> None:
    events = life(("created", created("c1-op1")), ("updated", updated()))
    # The upsert may have happened twice, so it would explain the event if that changed a field.
    assert categories(history(events, [upsert("c1-op1", effects=2)], [row(2, version="c1-op1")])) == ["phantom"]


def test_a_first_event_that_follows_another_event_is_disordered() -> None:
    assert categories(with_changed_event(0, follows="another")) == ["disordered"]


def test_an_event_that_does_not_follow_the_previous_one_is_disordered() -> None:
    assert categories(with_changed_event(2, follows="another")) == ["disordered"]


def test_an_event_that_is_not_later_than_the_previous_one_is_disordered() -> None:
    assert categories(with_changed_event(2, occurred=NOON + timedelta(seconds=2))) == ["disordered"]


def test_a_revision_before_an_earlier_revision_in_the_log_is_disordered() -> None:
    found = correct_history()
    first, second, third = found.events
    swapped = [first, replace(third, position=2), replace(second, position=3)]
    assert categories(replace(found, events=swapped, tails=[])) == ["disordered"]


def test_a_revision_with_two_events_is_a_duplicate() -> None:
    found = correct_history()
    again = event(4, "updated", updated(version=("c1-op3", "c1-op4")), revision=3, deployment=DEPLOYMENT)
    events = [*found.events, replace(again, id="another")]
    with_changed_event = replace(
        found, events=events, head=4, tails=[], operations=[*found.operations, patch("c1-op4")]
    )
    assert "duplicated" in categories(with_changed_event)


def test_a_deleted_deployment_has_events_up_to_its_tombstone() -> None:
    events = life(("created", created("c1-op1")), ("deleted", {"fields": state(version="c1-op1")}))
    operations = [upsert("c1-op1"), without_token("c1-op2", "delete", DEPLOYMENT)]
    assert categories(history(events, operations, tombstones={DEPLOYMENT: 2})) == []
    assert categories(history(events, operations, tombstones={DEPLOYMENT: 3})) == ["lost", "phantom"]


def test_a_deletion_event_of_an_existing_deployment_is_a_phantom() -> None:
    events = life(("created", created("c1-op1")), ("deleted", {"fields": state(version="c1-op1")}))
    operations = [upsert("c1-op1"), without_token("c1-op2", "delete", DEPLOYMENT)]
    assert "phantom" in categories(history(events, operations, [row(2, version="c1-op1")]))


@pytest.mark.parametrize(
    ("logged", "stored", "same"),
    [
        (1, 1.0, True),
        (True, 1, False),
        ({"a": [1, None]}, {"a": [1, None]}, True),
        ({"a": 1}, {"a": 1, "b": None}, False),
        ([1], [1, 2], False),
        ({"$masked": "x"}, {"any": "thing"}, True),
    ],
)
def test_values_are_compared_as_in_the_database(logged: Any, stored: Any, same: bool) -> None:
    assert agrees(logged, stored) is same


def test_two_masks_agree_only_if_they_are_equal() -> None:
    assert not agrees({"$masked": "x"}, {"$masked": "y"}, masked=False)


def test_resources_of_other_kinds_are_judged_like_deployments() -> None:
    flow = "00000000-0000-0000-0000-00000000000f"
    of_deployment = correct_history().events
    creation = replace(
        of_deployment[0],
        position=4,
        id="e4",
        event="prefect.flow.created",
        resource_id=f"prefect.flow.{flow}",
        payload={"fields": {"tags": ["c1-op0"], "labels": {}}},
    )

    def found(revision: int) -> list[str]:
        row = RowFact(flow, revision, "e4", {"tags": ["c1-op0"], "labels": {}})
        events = [*of_deployment, creation]
        tail = [(each.position, each.id) for each in events]
        creator = Operation("c1-op0", "create-flow", effects=1)
        operations = [*correct_history().operations, creator]
        rows = {**correct_history().rows, flow: row}
        return categories(
            replace(correct_history(), events=events, head=4, tails=[tail], rows=rows, operations=operations)
        )

    assert found(1) == []
    assert found(2) == ["lost"]
