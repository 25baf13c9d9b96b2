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
    created,
    event,
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


def spoilt(at: int, **changes: Any) -> History:
    found = well()
    events = [replace(each, **changes) if number == at else each for number, each in enumerate(found.events)]
    return replace(found, events=events, tails=[])


def test_a_revision_without_its_event_is_lost() -> None:
    found = well()
    assert words(replace(found, rows={DEPLOYMENT: row(4, version="c1-op3")})) == ["lost"]


def test_a_row_that_no_event_tells_of_is_lost() -> None:
    found = well()
    rows = {**found.rows, "other": row(1, "other")}
    assert words(replace(found, rows=rows)) == ["lost"]


def test_an_event_beyond_the_revision_of_the_row_is_a_phantom() -> None:
    found = well()
    assert "phantom" in words(replace(found, rows={DEPLOYMENT: row(2, version="c1-op2")}))


def test_events_of_a_deployment_that_never_existed_are_phantoms() -> None:
    assert words(replace(well(), rows={})) == ["phantom"]


def test_a_row_that_its_events_do_not_lead_to_is_lost() -> None:
    assert words(replace(well(), rows={DEPLOYMENT: row(3, version="c1-op3", description="secretly")})) == ["lost"]


def test_a_row_that_names_another_last_event_is_disorder() -> None:
    found = well()
    rows = {DEPLOYMENT: replace(found.rows[DEPLOYMENT], event_id="another")}
    assert words(replace(found, rows=rows)) == ["disordered"]


def test_a_masked_value_agrees_with_any_row() -> None:
    variables = {"env": {"KEY": {"$masked": "0123456789ab"}}}
    events = life(("created", created("c1-op1", infra_overrides=variables)))
    stored = row(1, version="c1-op1", infra_overrides={"env": {"KEY": "a secret"}})
    assert words(history(events, [upsert("c1-op1")], [stored])) == []


def test_a_second_creation_is_a_phantom() -> None:
    again = created("c1-op3")
    found = spoilt(2, event="prefect.deployment.created", payload=again)
    upserted = replace(found, operations=[*found.operations[:2], upsert("c1-op3", sent=4, acknowledged=5)])
    assert words(upserted) == ["phantom"]


def test_a_change_from_a_value_that_was_not_there_is_disorder() -> None:
    assert words(spoilt(2, payload=updated(version=("c1-op1", "c1-op3")))) == ["disordered"]


def test_a_field_that_does_not_change_is_a_phantom() -> None:
    found = spoilt(2, payload=updated(version=("c1-op2", "c1-op3"), path=(None, None)))
    found.operations[2].fields = frozenset({"version", "path"})
    assert words(found) == ["phantom"]


def test_an_update_of_no_field_is_a_phantom() -> None:
    events = life(("created", created("c1-op1")), ("updated", updated()))
    # The upsert may have happened twice, so it would explain the event if that changed a field.
    assert words(history(events, [upsert("c1-op1", effects=2)], [row(2, version="c1-op1")])) == ["phantom"]


def test_a_first_event_that_follows_another_is_disorder() -> None:
    assert words(spoilt(0, follows="another")) == ["disordered"]


def test_an_event_that_follows_another_than_the_one_before_is_disorder() -> None:
    assert words(spoilt(2, follows="another")) == ["disordered"]


def test_an_event_that_occurred_no_later_than_the_one_before_is_disorder() -> None:
    assert words(spoilt(2, occurred=NOON + timedelta(seconds=2))) == ["disordered"]


def test_a_revision_that_stands_before_the_one_it_follows_is_disorder() -> None:
    found = well()
    first, second, third = found.events
    swapped = [first, replace(third, position=2), replace(second, position=3)]
    assert words(replace(found, events=swapped, tails=[])) == ["disordered"]


def test_a_revision_that_is_told_twice_is_a_duplicate() -> None:
    found = well()
    again = event(4, "updated", updated(version=("c1-op3", "c1-op4")), revision=3, deployment=DEPLOYMENT)
    events = [*found.events, replace(again, id="another")]
    spoilt = replace(found, events=events, head=4, tails=[], operations=[*found.operations, patch("c1-op4")])
    assert "duplicated" in words(spoilt)


def test_a_deleted_deployment_has_its_events_up_to_its_grave() -> None:
    events = life(("created", created("c1-op1")), ("deleted", {"fields": state(version="c1-op1")}))
    operations = [upsert("c1-op1"), silent("c1-op2", "delete", DEPLOYMENT)]
    assert words(history(events, operations, graves={DEPLOYMENT: 2})) == []
    assert words(history(events, operations, graves={DEPLOYMENT: 3})) == ["lost", "phantom"]


def test_a_deletion_of_what_is_alive_is_a_phantom() -> None:
    events = life(("created", created("c1-op1")), ("deleted", {"fields": state(version="c1-op1")}))
    operations = [upsert("c1-op1"), silent("c1-op2", "delete", DEPLOYMENT)]
    assert "phantom" in words(history(events, operations, [row(2, version="c1-op1")]))


@pytest.mark.parametrize(
    ("told", "stored", "same"),
    [
        (1, 1.0, True),
        (True, 1, False),
        ({"a": [1, None]}, {"a": [1, None]}, True),
        ({"a": 1}, {"a": 1, "b": None}, False),
        ([1], [1, 2], False),
        ({"$masked": "x"}, {"any": "thing"}, True),
    ],
)
def test_values_agree_as_in_the_database(told: Any, stored: Any, same: bool) -> None:
    assert agrees(told, stored) is same


def test_two_masks_agree_only_when_they_are_the_same() -> None:
    assert not agrees({"$masked": "x"}, {"$masked": "y"}, masked=False)


def test_the_life_of_another_kind_is_judged_like_that_of_a_deployment() -> None:
    flow = "00000000-0000-0000-0000-00000000000f"
    of_deployment = well().events
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
        operations = [*well().operations, creator]
        rows = {**well().rows, flow: row}
        return words(replace(well(), events=events, head=4, tails=[tail], rows=rows, operations=operations))

    assert found(1) == []
    assert found(2) == ["lost"]
