"""The work of a check is bounded, whatever the schema and the values are."""

import time
import tracemalloc
from typing import Any

import pytest

from app.crud.deployments.check_budget import Budget, OutOfWork, budget
from app.crud.deployments.conformity import check_conformity
from app.errors import InvalidRequest
from app.long_checks import LongCheck, results


def doubling(keyword: str, depth: int = 40) -> dict[str, Any]:
    """Return a schema whose work doubles with each level of references."""
    levels = {f"a{level}": {keyword: [{"$ref": f"#/$defs/a{level + 1}"}] * 2} for level in range(depth)}
    return {"$defs": {**levels, f"a{depth}": {}}, "$ref": "#/$defs/a0"}


def repeated(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a schema that applies this one to each entry of `n`."""
    return {"$defs": {"s": schema}, "properties": {"n": {"items": {"$ref": "#/$defs/s"}}}}


def many_objects(count: int) -> list[dict[str, int]]:
    return [{"n": number} for number in range(count)]


ENDLESS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "allOf": (doubling("allOf"), {}),
    "oneOf": (doubling("oneOf"), {}),
    "not": ({**doubling("allOf"), "not": {"$ref": "#/$defs/a0"}, "$ref": "#/$defs/a40"}, {}),
    "if": ({**doubling("allOf"), "if": {"$ref": "#/$defs/a0"}, "$ref": "#/$defs/a40"}, {}),
    "propertyNames": ({**doubling("allOf"), "propertyNames": {"$ref": "#/$defs/a0"}, "$ref": "#/$defs/a40"}, {"n": 1}),
    "dependentSchemas": ({**doubling("allOf"), "dependentSchemas": {"n": {"$ref": "#/$defs/a0"}}}, {"n": 1}),
    "items x enum": ({"properties": {"n": {"items": {"enum": many_objects(3000)}}}}, {"n": many_objects(3000)[::-1]}),
    "items x const": (
        {"properties": {"n": {"items": {"const": many_objects(3000)}}}},
        {"n": [many_objects(3000)] * 100},
    ),
    "items x anyOf": (
        {"properties": {"n": {"items": {"anyOf": [*[{"type": "null"}] * 1000, {}]}}}},
        {"n": many_objects(1000)},
    ),
    "contains": ({"properties": {"n": {"contains": {"anyOf": [{"type": "null"}] * 1000}}}}, {"n": many_objects(1000)}),
    "patterns": ({"patternProperties": {f"{n}x": {} for n in range(2000)}}, {str(n): 1 for n in range(2000)}),
    "text": ({"properties": {"n": {"items": {"pattern": "(a|b){1,9}" * 100}}}}, {"n": ["ab" * 1000] * 2000}),
    "dependentRequired": ({"dependentRequired": {str(n): [str(m) for m in range(1000)] for n in range(500)}}, {"0": 1}),
    "long reference": (
        {"$defs": {"s " * 50_000: {}}, "properties": {"n": {"items": {"$ref": "#/$defs/" + "s%20" * 50_000}}}},
        {"n": [1] * 30_000},
    ),
    "unknown keys": (repeated({f"x{n}": 0 for n in range(5000)}), {"n": [1] * 2000}),
    "the schema itself": ({"properties": {str(n): {"type": "integer"} for n in range(5000)}}, {"0": 1}),
}


@pytest.mark.timeout(30)
@pytest.mark.parametrize("name", ENDLESS)
def test_an_endless_check_is_refused(name: str) -> None:
    schema, values = ENDLESS[name]
    with pytest.raises(InvalidRequest, match="too much work"):
        check_conformity(values, schema, "parameters")


@pytest.mark.timeout(30)
@pytest.mark.parametrize(
    ("schema", "values"),
    [
        ({"properties": {"n": {"uniqueItems": True}}}, {"n": many_objects(20_000)}),
        ({"properties": {"n": {"type": "array", "items": {"type": "object"}}}}, {"n": many_objects(20_000)}),
        ({"properties": {f"p{n}": {"type": "string"} for n in range(500)}}, {f"p{n}": "x" for n in range(500)}),
    ],
)
def test_large_values_are_checked(schema: dict[str, Any], values: dict[str, Any]) -> None:
    check_conformity(values, schema, "parameters")


@pytest.mark.parametrize(
    ("entries", "are_unique"),
    [
        ([1, 2], True),
        ([1, 1.0], False),
        ([1, True], True),
        ([0, False], True),
        ([[1], [True]], True),
        ([{"a": 1, "b": 2}, {"b": 2, "a": 1}], False),
        ([{"a": [1, {}]}, {"a": [1, {}]}], False),
        (["1", 1], True),
        ([None, None], False),
        ([[], {}], True),
    ],
)
def test_equal_entries_of_a_list_are_detected(entries: list[Any], are_unique: bool) -> None:
    schema = {"properties": {"n": {"uniqueItems": True}}}
    if are_unique:
        check_conformity({"n": entries}, schema, "parameters")
    else:
        with pytest.raises(InvalidRequest, match="uniqueItems"):
            check_conformity({"n": entries}, schema, "parameters")


def test_in_a_request_a_long_check_runs_separately_and_its_result_is_reused() -> None:
    schema = {"properties": {f"p{n}": {"type": "string"} for n in range(400)}}
    token = results.set({})
    try:
        for values in ({"p0": "x"}, {"p0": 1}):
            with pytest.raises(LongCheck) as caught:
                check_conformity(values, schema, "parameters")
            caught.value.run()
        check_conformity({"p0": "x"}, schema, "parameters")
        with pytest.raises(InvalidRequest, match="'type'"):
            check_conformity({"p0": 1}, schema, "parameters")
    finally:
        results.reset(token)


@pytest.mark.timeout(30)
@pytest.mark.parametrize("keyword", ["allOf", "anyOf", "oneOf"])
@pytest.mark.parametrize("rule", [{"type": "string"}, {"const": "x" * 500_000}, {"not": {"title": "x" * 500_000}}])
def test_refused_values_do_not_use_much_memory(keyword: str, rule: dict[str, Any]) -> None:
    schema = {"properties": {"n": doubling(keyword, 10)}, "$defs": doubling(keyword, 10)["$defs"]}
    schema["$defs"]["a10"] = rule
    values = {"n": ["x" * 1000] * 500}
    tracemalloc.start()
    try:
        with pytest.raises(InvalidRequest):
            check_conformity(values, schema, "parameters")
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("keyword", "value", "is_allowed"),
    [
        ("anyOf", 1, True),
        ("anyOf", "x", True),
        ("anyOf", True, False),
        ("oneOf", 1, True),
        ("oneOf", None, True),
        ("oneOf", "x", False),
        ("oneOf", True, False),
    ],
)
def test_any_or_exactly_one_schema_must_allow_a_value(keyword: str, value: Any, is_allowed: bool) -> None:
    schema = {"properties": {"n": {"items": {keyword: [{"type": ["integer", "string"]}, {"enum": [None, "x"]}]}}}}
    if is_allowed:
        check_conformity({"n": [value]}, schema, "parameters")
    else:
        with pytest.raises(InvalidRequest, match=keyword):
            check_conformity({"n": [value]}, schema, "parameters")


def test_the_message_of_a_refusal_is_short() -> None:
    with pytest.raises(InvalidRequest) as caught:
        check_conformity({"n" * 100_000: 1}, {"additionalProperties": {"type": "string"}}, "parameters")
    assert len(str(caught.value)) < 1000


def spend_endlessly(steps: Budget) -> None:
    while True:
        steps.spend(0)


def test_a_budget_ends_after_its_last_step() -> None:
    steps = Budget(3, 60, pauses=False)
    steps.spend(3)
    with pytest.raises(OutOfWork):
        steps.spend(1)
    assert budget.get(None) is None


@pytest.mark.timeout(30)
def test_a_budget_ends_after_its_time_limit() -> None:
    steps = Budget(1_000_000_000, 0.05, pauses=False)
    begun = time.thread_time()
    with pytest.raises(OutOfWork):
        spend_endlessly(steps)
    assert time.thread_time() - begun >= 0.05
