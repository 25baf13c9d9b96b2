"""Checking values against a schema that a client sent."""

import json
from decimal import Decimal
from typing import Any
from unittest.mock import Mock

import pytest

from app.crud.deployments import conformity
from app.crud.deployments.conformity import check_conformity
from app.errors import Conflict, InvalidRequest

SCHEMA = {
    "type": "object",
    "properties": {"n": {"type": "integer"}, "name": {"type": "string"}},
    "required": ["n"],
    "additionalProperties": False,
}


@pytest.mark.parametrize("values", [{}, {"n": 1}, {"n": 1, "name": "x"}, {"n": 1, "name": None}])
def test_valid_and_missing_values_are_accepted(values: dict[str, Any]) -> None:
    check_conformity(values, SCHEMA, "parameters")


@pytest.mark.parametrize(
    ("values", "place", "rule"),
    [({"n": "one"}, "n", "type"), ({"n": None}, "n", "type"), ({"m": 1}, "the top", "additionalProperties")],
)
def test_a_violation_names_the_place_and_the_rule_but_not_the_value(
    values: dict[str, Any], place: str, rule: str
) -> None:
    with pytest.raises(InvalidRequest, match=f"parameters do not fit their schema at {place}: .*'{rule}'") as caught:
        check_conformity(values, SCHEMA, "parameters")
    assert "one" not in str(caught.value)


def nested(schema: dict[str, Any], values: dict[str, Any], depth: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return an outer schema and outer values that contain these at that place."""
    match depth:
        case "property":
            return {"properties": {"p": schema}}, {"p": values}
        case "reference":
            return {"$defs": {"d": schema}, "properties": {"p": {"$ref": "#/$defs/d"}}}, {"p": values}
        case "item":
            return {"properties": {"p": {"items": schema}}}, {"p": [values]}
        case _:
            return {"anyOf": [{"allOf": [schema]}]}, values


@pytest.mark.parametrize("depth", ["property", "reference", "item", "branch"])
@pytest.mark.parametrize("values", [{}, {"name": None}, {"name": "x"}])
def test_missing_values_are_accepted_at_every_depth(values: dict[str, Any], depth: str) -> None:
    outer, given = nested(SCHEMA, values, depth)
    check_conformity(given, outer, "parameters")


@pytest.mark.parametrize("depth", ["property", "reference", "item", "branch"])
@pytest.mark.parametrize("values", [{"n": None}, {"n": "one"}, {"m": 1}])
def test_wrong_values_are_refused_at_every_depth(values: dict[str, Any], depth: str) -> None:
    outer, given = nested(SCHEMA, values, depth)
    with pytest.raises(InvalidRequest):
        check_conformity(given, outer, "parameters")


def test_a_property_can_have_the_name_of_a_rule() -> None:
    schema = {"properties": {"required": {"type": "integer"}}, "required": ["required"]}
    check_conformity({}, schema, "parameters")
    with pytest.raises(InvalidRequest):
        check_conformity({"required": "x"}, schema, "parameters")


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
def test_an_invalid_schema_is_refused(schema: dict[str, Any], text: str) -> None:
    with pytest.raises(InvalidRequest, match=text):
        check_conformity({"n": 1}, schema, "parameters")


@pytest.mark.parametrize(
    "schema",
    [
        {"$id": 5},
        {"required": [{}]},
        {"required": [["a"]]},
        {"properties": None},
        {"pattern": "a{99999999999}"},
        {"pattern": "(a"},
        {"patternProperties": {"(a": {}}},
    ],
)
def test_a_malformed_schema_is_refused_before_it_is_used(schema: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest):
        check_conformity({"n": 1}, schema, "parameters")


@pytest.mark.parametrize("target", [{"foo": 1}, {"foo": "text"}, [1], 1, {"type": "nonsense"}, {"minimum": "x"}])
@pytest.mark.parametrize("ref", ["#/x", "#/x/foo", "#/x/foo/bar", "#/x/0", "#/x/0/1"])
def test_a_reference_to_something_other_than_a_schema_causes_no_crash(target: Any, ref: str) -> None:
    try:
        check_conformity({"n": 1}, {"x": target, "properties": {"n": {"$ref": ref}}}, "parameters")
    except InvalidRequest as refused:
        assert "parameters" in str(refused)  # noqa: PT017  # The reference may be accepted or refused.


@pytest.mark.parametrize("number", ["1e999", "NaN", "9" * 400])
def test_a_number_that_cannot_be_divided_is_refused(number: str) -> None:
    with pytest.raises(InvalidRequest, match="cannot be checked against their schema"):
        check_conformity(json.loads(f'{{"n": {number}}}'), {"properties": {"n": {"multipleOf": 0.5}}}, "parameters")


EXPONENTIAL_PATTERN = "^(a+)+$"
LONG_TEXT = "a" * 10_000 + "!"


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    ("schema", "rule"),
    [
        ({"properties": {"a": {"pattern": EXPONENTIAL_PATTERN}}}, "pattern"),
        (
            {
                "properties": {
                    "a": {"$schema": "https://json-schema.org/draft/2020-12/schema", "pattern": EXPONENTIAL_PATTERN}
                }
            },
            "pattern",
        ),
        (
            {
                "properties": {
                    "a": {"$schema": "http://json-schema.org/draft-07/schema#", "pattern": EXPONENTIAL_PATTERN}
                }
            },
            "pattern",
        ),
        ({"$defs": {"a": {"pattern": EXPONENTIAL_PATTERN}}, "properties": {"a": {"$ref": "#/$defs/a"}}}, "pattern"),
        ({"propertyNames": {"pattern": EXPONENTIAL_PATTERN}}, "pattern"),
        ({"patternProperties": {EXPONENTIAL_PATTERN: False}}, None),
        ({"patternProperties": {EXPONENTIAL_PATTERN: {}}, "additionalProperties": False}, "additionalProperties"),
        ({"patternProperties": {EXPONENTIAL_PATTERN: {}}, "additionalProperties": {"type": "null"}}, "type"),
        ({"patternProperties": {EXPONENTIAL_PATTERN: {}}, "unevaluatedProperties": False}, None),
        ({"allOf": [{"patternProperties": {EXPONENTIAL_PATTERN: {}}}], "unevaluatedProperties": False}, None),
    ],
)
def test_a_pattern_of_a_client_takes_linear_time(schema: dict[str, Any], rule: str | None) -> None:
    values = {"a": LONG_TEXT} if "properties" in schema else {LONG_TEXT: 1}
    if rule is None:
        check_conformity(values, schema, "parameters")
    else:
        with pytest.raises(InvalidRequest, match=f"'{rule}'"):
            check_conformity(values, schema, "parameters")


@pytest.mark.parametrize(
    ("schema", "values"),
    [
        ({"properties": {"a": {"pattern": "^[a-z]+$"}}}, {"a": "B"}),
        ({"properties": {"a": {"pattern": "^[a-z]+$"}}}, {"a": "b\n"}),
        ({"patternProperties": {"^n": {"type": "integer"}}}, {"name": "x"}),
        ({"patternProperties": {"^n": {}}, "properties": {"a": {}}, "additionalProperties": False}, {"b": 1}),
        ({"patternProperties": {"^n": {}}, "additionalProperties": {"type": "integer"}}, {"b": "x"}),
    ],
)
def test_patterns_are_checked(schema: dict[str, Any], values: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest, match="do not fit"):
        check_conformity(values, schema, "parameters")


@pytest.mark.parametrize(
    ("schema", "values"),
    [
        ({"properties": {"a": {"pattern": "^[a-z]+$"}}}, {"a": "b"}),
        ({"properties": {"a": {"pattern": "^x"}}}, {"a": 1}),
        ({"patternProperties": {"^n": {"type": "integer"}}, "additionalProperties": False}, {"n1": 1}),
        ({"properties": {"a": {"patternProperties": {"x": False}, "additionalProperties": False}}}, {"a": "no object"}),
        ({"properties": {"a": {"additionalProperties": False}}}, {"a": "no object"}),
    ],
)
def test_values_that_match_their_pattern_are_accepted(schema: dict[str, Any], values: dict[str, Any]) -> None:
    check_conformity(values, schema, "parameters")


@pytest.mark.parametrize("pattern", ["^(?=x)", r"^(x)\1$"])
def test_a_pattern_that_cannot_be_checked_in_linear_time_is_ignored(
    pattern: str, capfd: pytest.CaptureFixture[str]
) -> None:
    check_conformity({"a": "b"}, {"properties": {"a": {"pattern": pattern}}}, "parameters")
    check_conformity({"a": 1}, {"patternProperties": {pattern: False}, "additionalProperties": False}, "parameters")
    assert capfd.readouterr().err == ""


def test_a_repeated_schema_is_not_validated_again(monkeypatch: pytest.MonkeyPatch) -> None:
    schema = {"title": "comes again", "properties": {"n": {"type": "integer"}}}
    metaschema = Mock()
    metaschema.iter_errors.return_value = []
    monkeypatch.setattr(conformity, "_METASCHEMA", metaschema)
    for values in ({"n": 1}, {"n": 2}):
        check_conformity(values, dict(schema), "parameters")
    with pytest.raises(InvalidRequest):
        check_conformity({"n": "one"}, schema, "parameters")
    metaschema.iter_errors.assert_called_once_with(schema)


def test_a_schema_with_a_decimal_number_is_checked() -> None:
    schema = {"properties": {"n": {"maximum": Decimal(10)}}}
    with pytest.raises(InvalidRequest, match="'maximum'"):
        check_conformity({"n": 11}, schema, "parameters")
