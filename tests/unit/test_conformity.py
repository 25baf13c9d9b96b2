"""Values against a schema that somebody sent."""

from typing import Any

import pytest

from app.crud.conformity import check_conformity
from app.errors import Conflict, InvalidRequest

SCHEMA = {
    "type": "object",
    "properties": {"n": {"type": "integer"}, "name": {"type": "string"}},
    "required": ["n"],
    "additionalProperties": False,
}


@pytest.mark.parametrize("values", [{}, {"n": 1}, {"n": 1, "name": "x"}, {"n": 1, "name": None}])
def test_fitting_and_missing_values_pass(values: dict[str, Any]) -> None:
    check_conformity(values, SCHEMA, "parameters")


@pytest.mark.parametrize(
    ("values", "place", "rule"),
    [({"n": "one"}, "n", "type"), ({"n": None}, "n", "type"), ({"m": 1}, "the top", "additionalProperties")],
)
def test_a_violation_names_the_place_and_the_rule_and_not_the_value(
    values: dict[str, Any], place: str, rule: str
) -> None:
    with pytest.raises(InvalidRequest, match=f"parameters do not fit their schema at {place}: .*'{rule}'") as caught:
        check_conformity(values, SCHEMA, "parameters")
    assert "one" not in str(caught.value)


def test_the_caller_chooses_the_error_of_a_violation() -> None:
    with pytest.raises(Conflict):
        check_conformity({"n": "one"}, SCHEMA, "parameters", Conflict)


@pytest.mark.parametrize(
    ("schema", "text"),
    [
        ({"type": "nonsense"}, "not a valid JSON Schema"),
        ({"properties": {"n": {"$ref": "http://127.0.0.1:1/schema.json"}}}, "leads nowhere"),
        ({"properties": {"n": {"$ref": "#/definitions/missing"}}}, "leads nowhere"),
        ({"$ref": "#"}, "to itself"),
    ],
)
def test_a_schema_that_is_none_is_refused(schema: dict[str, Any], text: str) -> None:
    with pytest.raises(InvalidRequest, match=text):
        check_conformity({"n": 1}, schema, "parameters")
