"""The field diffs."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.build import changed_fields, same_json

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.floats(-2, 2) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3),
    max_leaves=6,
)
STATES = st.dictionaries(st.sampled_from(["a", "b", "c", "d"]), JSON, min_size=4, max_size=4)


@given(STATES, STATES)
def test_before_with_the_updates_applied_equals_after(before: dict[str, Any], after: dict[str, Any]) -> None:
    updates = changed_fields(before, after)
    patched = {**before, **{field: change["to"] for field, change in updates.items()}}
    assert all(same_json(patched[field], after[field]) for field in after)


@given(STATES, STATES)
def test_every_update_contains_a_real_difference(before: dict[str, Any], after: dict[str, Any]) -> None:
    for field, change in changed_fields(before, after).items():
        assert change["from"] is before[field]
        assert not same_json(change["from"], change["to"])


@given(STATES)
def test_equal_states_have_no_updates(state: dict[str, Any]) -> None:
    assert changed_fields(state, dict(state)) == {}


def test_updates_are_sorted_by_field() -> None:
    fields = [*"qwertyuiopasdfghjklzxcvbnm"]
    assert list(changed_fields(dict.fromkeys(fields, 1), dict.fromkeys(fields, 2))) == sorted(fields)


def test_a_field_that_one_state_lacks_differs_from_null() -> None:
    assert changed_fields({}, {"new": 1, "nothing": None}) == {"new": {"from": None, "to": 1}}


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        (1, 1.0, True),
        (True, 1, False),
        (0, False, False),
        ([True], [1], False),
        ({"a": {"b": 1}}, {"a": {"b": 1.0}}, True),
        ({"a": None}, {}, False),
        ([1, 2], [2, 1], False),
        ([1], [1, 1], False),
        ("1", 1, False),
        (None, False, False),
    ],
)
def test_json_is_compared_as_postgresql_does(left: Any, right: Any, same: bool) -> None:
    assert same_json(left, right) is same
    assert same_json(right, left) is same
