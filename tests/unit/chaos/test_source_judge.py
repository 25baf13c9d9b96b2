"""The verdict of a chaos run with a source sees each kind of violation."""

from typing import Any

import pytest

from tests.chaos.source.judge import Committed, EventLine, judge_model, judge_requests, judge_states

KEY = ("deployment", "d")


def committed(mark: str, operation: str = "updated", *, own: bool = True, schedules: bool = False) -> Committed:
    return Committed(mark, operation, own, schedules)


def updated(position: int, before: str, after: str, key: str = "d") -> EventLine:
    payload = {"updates": {"description": {"from": before, "to": after}}}
    return EventLine(position, "deployment", key, "updated", payload)


def rescheduled(position: int, before: str, after: str) -> EventLine:
    lists: dict[str, list[dict[str, Any]]] = {
        "from": [{"parameters": {"mark": before}}],
        "to": [{"parameters": {"mark": after}}],
    }
    return EventLine(position, "deployment", "d", "updated", {"updates": {"schedules": lists}})


def found(changes: list[Committed], events: list[EventLine]) -> list[str]:
    return [finding.category for finding in judge_model({KEY: changes}, events)]


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([updated(1, "a", "w1-1"), updated(2, "w1-1", "w1-2")], []),
        ([updated(1, "a", "w1-1")], ["lost"]),
        ([updated(1, "a", "w1-1"), updated(2, "w1-1", "w1-2"), updated(3, "w1-2", "w1-9")], ["phantom"]),
        ([updated(1, "a", "w1-1"), updated(2, "w1-1", "w1-2"), updated(3, "w1-1", "w1-2")], ["duplicated"]),
        ([updated(1, "a", "w1-2"), updated(2, "w1-2", "w1-1")], ["disordered"]),
    ],
)
def test_the_changes_of_a_row_are_told_once_and_in_order(events: list[EventLine], expected: list[str]) -> None:
    assert found([committed("w1-1"), committed("w1-2")], events) == expected


def test_the_changes_of_two_rows_need_no_order() -> None:
    changes = [committed("w1-1"), committed("w2-1", own=False, schedules=True)]

    assert found(changes, [rescheduled(1, "new", "w2-1"), updated(2, "new", "w1-1")]) == []


def test_two_changes_in_one_event_are_a_loss() -> None:
    event = rescheduled(1, "new", "w2-1")
    both = {"updates": {**event.payload["updates"], "description": {"from": "new", "to": "w1-1"}}}

    assert "lost" in found(
        [committed("w1-1"), committed("w2-1", own=False, schedules=True)],
        [EventLine(1, "deployment", "d", "updated", both)],
    )


def test_a_change_of_a_transaction_that_was_rolled_back_is_a_phantom() -> None:
    assert [finding.category for finding in judge_model({}, [updated(1, "a", "w1-1")])] == ["phantom"]


def test_only_an_acknowledged_request_must_be_told() -> None:
    sent = {"d": ["h-1", "h-2"]}

    assert list(judge_requests(sent, {"h-1"}, [updated(1, "a", "h-1")])) == []
    assert [finding.category for finding in judge_requests(sent, {"h-1"}, [])] == ["lost"]


def test_the_events_must_add_up_to_the_rows() -> None:
    created = EventLine(1, "deployment", "d", "created", {"fields": {"description": "a", "tags": ["x", "y"]}})

    def categories(fields: dict[str, Any]) -> list[str]:
        return [finding.category for finding in judge_states({KEY: fields}, {KEY}, [created])]

    assert categories({"description": "a", "tags": ["y", "x"]}) == []
    assert categories({"description": "b", "tags": ["x", "y"]}) == ["lost"]
    assert categories({"description": "a", "tags": ["x", "x"]}) == ["lost"]
