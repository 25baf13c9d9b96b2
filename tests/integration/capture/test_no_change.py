"""A new value that equals the stored one makes no revision and no event, for every field of every kind."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import JSON
from sqlalchemy.orm import Session

from app.capture.kind_classes import ResourceKind, Same
from app.capture.kinds import tracked_kinds
from app.capture.row_changes import update_rows, upsert_row
from tests.integration.kinds_in_use import Row

TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=5)
NUMBERS = st.one_of(st.integers(-1000, 1000), st.integers(-1000, 1000).map(lambda number: number / 2))
LEAVES = st.one_of(st.none(), st.booleans(), NUMBERS, TEXTS)
VALUES = st.recursive(
    LEAVES, lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXTS, inner, max_size=3))
)
OBJECTS = st.dictionaries(TEXTS, VALUES, min_size=1, max_size=4)
FIELDS = [(kind, field) for kind in tracked_kinds() for field in kind.tracked]
few_examples = settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))


def equivalent_json(value: Any) -> Any:
    """Return the same JSON with reordered keys, and with whole numbers as floats or the other way round."""
    if isinstance(value, dict):
        return {key: equivalent_json(value[key]) for key in reversed(value)}
    if isinstance(value, list):
        return [equivalent_json(entry) for entry in value]
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        return float(value)
    return int(value) if isinstance(value, float) and value.is_integer() else value


def equal_pair(draw: Any, kind: ResourceKind, field: str, stored: Any) -> tuple[Any, Any]:
    """Draw a value for the field, and a different one that counts as equal."""
    if kind.tracked[field] is Same.UNORDERED:
        tags = draw(st.lists(TEXTS, max_size=4, unique=True))
        return tags, draw(st.permutations(tags))
    if kind.tracked[field] is Same.SAME_CONTENT:
        entries = draw(st.lists(OBJECTS, max_size=3))
        first, second = ([{**entry, "id": f"{side}{at}"} for at, entry in enumerate(entries)] for side in "ab")
        return first, equivalent_json(draw(st.permutations(second)))
    if isinstance(kind.table.c[field].type, JSON):
        value = draw(OBJECTS)
        return value, equivalent_json(value)
    return stored, float(stored) if type(stored) is int and field.startswith("slot") else stored


@pytest.mark.parametrize(("kind", "field"), FIELDS, ids=[f"{kind.name}-{field}" for kind, field in FIELDS])
@few_examples
@given(data=st.data())
def test_an_equal_value_in_another_form_is_no_change(
    kind: ResourceKind, field: str, one_of_each: dict[str, Row], uncommitted: Session, data: st.DataObject
) -> None:
    row = one_of_each[kind.name]
    where = kind.table.c.id == row["id"]
    value, same = equal_pair(data.draw, kind, field, row[field])
    before = uncommitted.begin_nested()
    changes = update_rows(uncommitted, kind, where, {field: value})
    left = uncommitted.execute(kind.table.select().where(where)).mappings().one()
    assert update_rows(uncommitted, kind, where, {field: same}) == []
    columns = {name: left[name] for name in left if name not in ("created", "updated", "revision", "event_id")}
    assert upsert_row(uncommitted, kind, {**columns, field: same}, ("id",)) is None
    after = uncommitted.execute(kind.table.select().where(where)).mappings().one()
    assert after == left
    assert after["revision"] == row["revision"] + len(changes)
    before.rollback()
