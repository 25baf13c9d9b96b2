"""Building the event of a snapshot."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import DispatchError, UnknownKind
from app.schemas.event import Event, RelatedResource
from tests.unit.snapshots import ANY_ID, snapshot_row
from workers import build as building
from workers.build import changed_fields
from workers.claimed import Claimed

CAP = 1_400_000


def build(snapshot: Claimed, related: list[RelatedResource], cap: int) -> Event:
    """Build as a batch does: with diffs if the snapshot has both states."""
    both = snapshot.before is not None and snapshot.after is not None
    updates = changed_fields(snapshot.before or {}, snapshot.after or {}) if both else None
    return building.build(snapshot, related, updates, cap)


def test_an_update_contains_its_sorted_diff() -> None:
    row = snapshot_row(before={"b": 1, "a": 1, "c": 1}, after={"b": 2, "a": 2, "c": 1})
    assert build(row, [], CAP).payload == {
        "updated_fields": ["a", "b"],
        "updates": {"a": {"from": 1, "to": 2}, "b": {"from": 1, "to": 2}},
    }


@pytest.mark.parametrize(("operation", "before", "after"), [("created", None, {"a": 1}), ("deleted", {"a": 1}, None)])
def test_creation_and_deletion_contain_all_fields(operation: str, before: Any, after: Any) -> None:
    row = snapshot_row(operation=operation, before=before, after=after)
    event = build(row, [], CAP)
    assert event.event == f"prefect.deployment.{operation}"
    assert event.payload == {"fields": {"a": 1}}


def test_the_event_has_the_id_time_and_labels_of_its_snapshot() -> None:
    row = snapshot_row()
    event = build(row, [{"prefect.resource.id": "x", "prefect.resource.role": "flow"}], CAP)
    assert (event.id, event.occurred, event.follows) == (row.id, row.occurred, row.follows)
    assert event.resource == {
        "prefect.resource.id": f"prefect.deployment.{ANY_ID}",
        "prefect.resource.name": "nightly",
        "aftercommit.revision": "2",
    }
    assert event.related == [{"prefect.resource.id": "x", "prefect.resource.role": "flow"}]


def test_building_an_event_twice_gives_equal_events() -> None:
    row = snapshot_row()
    assert build(row, [], CAP) == build(row, [], CAP)


def test_a_snapshot_of_an_unknown_kind_is_refused_with_its_name() -> None:
    with pytest.raises(UnknownKind, match="'spaceship'"):
        building.check(snapshot_row(kind="spaceship"))


def test_a_snapshot_of_a_newer_version_is_refused() -> None:
    with pytest.raises(DispatchError, match="newer"):
        building.check(snapshot_row(schema_version=99))


def test_a_snapshot_without_any_state_is_refused() -> None:
    with pytest.raises(DispatchError, match="no state"):
        build(snapshot_row(before=None, after=None), [], CAP)


def test_above_the_cap_the_largest_value_is_omitted_and_the_event_lists_its_field() -> None:
    row = snapshot_row(
        before={"infra_overrides": {"x": "a" * 800_000}, "version": "1"},
        after={"infra_overrides": {"x": "b" * 810_000}, "version": "2"},
    )
    payload = build(row, [], CAP).payload
    assert payload["updates"]["infra_overrides"]["to"] == {"$omitted": "810008"}
    assert payload["updates"]["infra_overrides"]["from"] == {"x": "a" * 800_000}
    assert payload["updates"]["version"] == {"from": "1", "to": "2"}
    assert payload["omitted_fields"] == ["infra_overrides"]


def test_omitting_a_value_does_not_modify_the_snapshot() -> None:
    after = {"a": "x" * 500, "b": "y" * 500}
    row = snapshot_row(operation="created", before=None, after=after)
    payload = build(row, [], 100).payload
    assert payload["fields"] == {"a": {"$omitted": "502"}, "b": {"$omitted": "502"}}
    assert after == {"a": "x" * 500, "b": "y" * 500}


VALUES = st.dictionaries(st.text("abc", min_size=1, max_size=2), st.text(max_size=120), min_size=1, max_size=6)


@given(VALUES, VALUES, st.integers(400, 2000))
def test_a_payload_never_exceeds_its_cap_unless_only_small_values_are_left(
    before: dict[str, str], after: dict[str, str], cap: int
) -> None:
    payload = build(snapshot_row(before=before, after=after), [], cap).payload
    size = len(json.dumps(payload, separators=(",", ":"), ensure_ascii=False).encode())
    values = [value for change in payload["updates"].values() for value in change.values()]
    assert size <= cap or max(len(json.dumps(value, ensure_ascii=False).encode()) for value in values) <= 20
    assert set(payload.get("omitted_fields", [])) <= set(payload["updates"])


@pytest.mark.parametrize("operation", ["created", "updated"])
@given(tags=st.lists(st.text(max_size=300)), labels=VALUES, other=VALUES)
def test_a_payload_has_at_most_three_times_the_size_of_its_states_plus_the_name(
    operation: str, tags: list[str], labels: dict[str, str], other: dict[str, str]
) -> None:
    # A flow's tags and labels are in the payload twice: among the fields, and as separate keys.
    before = None if operation == "created" else {"tags": [], "labels": other}
    row = snapshot_row(kind="flow", operation=operation, before=before, after={"tags": tags, "labels": labels})
    payload = build(row, [], 3 * row.size + building.MAX_NAME_BYTES).payload
    assert len(json.dumps(payload, ensure_ascii=False).encode()) <= 3 * row.size + building.MAX_NAME_BYTES
    assert "omitted_fields" not in payload


def test_a_value_that_is_smaller_than_its_replacement_is_kept() -> None:
    row = snapshot_row(before={"a": "x" * 500, "b": "old"}, after={"a": "y" * 500, "b": "new"})
    assert build(row, [], 10).payload["updates"] == {
        "a": {"from": {"$omitted": "502"}, "to": {"$omitted": "502"}},
        "b": {"from": "old", "to": "new"},
    }


def test_the_error_of_an_unbuildable_event_quotes_no_value() -> None:
    with pytest.raises(ValueError, match="valid string") as refused:
        build(snapshot_row(labels={"label": {"a": "hunter2"}}), [], CAP)
    assert "hunter2" not in str(refused.value)
