"""JSON for PostgreSQL is read and written as by Python's `json`, also where the faster library fails."""

import json
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from app.postgres.base import dump_json, load_json

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(-(10**400), 10**400)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner),
)


@given(VALUES)
def test_any_value_is_read_as_by_python(value: Any) -> None:
    written = json.dumps(value, ensure_ascii=False)
    read = load_json(written.encode())
    assert repr(read) == repr(json.loads(written))


@given(VALUES)
def test_any_value_is_written_as_by_python(value: Any) -> None:
    assert repr(json.loads(dump_json(value))) == repr(json.loads(json.dumps(value)))


def test_a_value_that_pydantic_cannot_write_is_written_by_python() -> None:
    deep: Any = "\ud800"
    for _ in range(500):
        deep = [deep]
    assert dump_json(deep) == json.dumps(deep).encode()


@given(st.decimals(allow_nan=False, allow_infinity=False, places=30, min_value=-(10**20), max_value=10**20))
def test_a_number_with_many_digits_becomes_the_nearest_float(number: Decimal) -> None:
    assert load_json(f"{number:f}".encode()) == float(number)


def test_an_integer_with_more_digits_than_python_reads_becomes_a_decimal() -> None:
    digits = "7" * 5000
    assert load_json(f"[{digits}, 1]".encode()) == [Decimal(digits), 1]


def test_integers_stay_integers_below_the_depth_that_pydantic_reads() -> None:
    deep = load_json(b"[" * 500 + b"1" + b"]" * 500)
    for _ in range(500):
        (deep,) = deep
    assert type(deep) is int
