"""The rules of JSON Schema 2020-12, changed so that the work of a check is counted and bounded.

A schema comes from a client, and so do the values. References can multiply the work with each level, and some rules of
the library compare each entry of a list with each other one. So each rule counts its steps before it works.
"""

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any, Final

import attrs
from jsonschema.exceptions import ValidationError as SchemaViolation
from jsonschema.validators import Draft202012Validator, extend

from app.crud.deployments.check_budget import budget, size
from app.crud.deployments.schema_patterns import is_regular_expression, matches
from app.postgres.base import JsonObject

Rule = Callable[[Any, Any, Any, JsonObject], Iterator[SchemaViolation]]

REFERENCE_PER_STEP: Final = 100
"""The characters of a reference that count as one step."""
KEYS_PER_STEP: Final = 20
"""The keys of a schema that count as one step. The library looks at each key whenever it applies the schema."""


def _entries(value: Any) -> int:
    return len(value) if isinstance(value, dict | list) else 0


def _counted(rule: Any) -> Rule:
    """Count one step, and one for each entry of the rule's value and of the checked value."""

    def apply(validator: Any, value: Any, instance: Any, schema: JsonObject) -> Iterator[SchemaViolation]:
        budget.get().spend(1 + _entries(value) + _entries(instance))
        yield from rule(validator, value, instance, schema)

    return apply


def _counted_by_size(rule: Any) -> Rule:
    """Count all values inside the rule's value, because the rule compares them."""

    def apply(validator: Any, value: Any, instance: Any, schema: JsonObject) -> Iterator[SchemaViolation]:
        budget.get().spend(size(value) + _entries(instance))
        yield from rule(validator, value, instance, schema)

    return apply


def _counted_by_length(rule: Any) -> Rule:
    """Count the characters of a reference too."""

    def apply(validator: Any, reference: str, instance: Any, schema: JsonObject) -> Iterator[SchemaViolation]:
        budget.get().spend(1 + len(reference) // REFERENCE_PER_STEP)
        yield from rule(validator, reference, instance, schema)

    return apply


def _pattern(validator: Any, pattern: str, instance: Any, _schema: JsonObject) -> Iterator[SchemaViolation]:
    if validator.is_type(instance, "string") and matches(pattern, instance) is False:
        yield SchemaViolation("The text does not match the pattern.")


def _pattern_properties(
    validator: Any, patterns: JsonObject, instance: Any, _schema: JsonObject
) -> Iterator[SchemaViolation]:
    if not validator.is_type(instance, "object"):
        return
    for pattern, subschema in patterns.items():
        for key, value in instance.items():
            if matches(pattern, key):
                yield from validator.descend(value, subschema, path=key, schema_path=pattern)


def _additional_properties(
    validator: Any, subschema: Any, instance: Any, schema: JsonObject
) -> Iterator[SchemaViolation]:
    if not validator.is_type(instance, "object"):
        return
    extra = [key for key in instance if key not in schema.get("properties", {})]
    for pattern in schema.get("patternProperties", {}):
        # A pattern that cannot be checked might allow the key.
        extra = [key for key in extra if matches(pattern, key) is False]
    for key in extra:
        if subschema is False:
            yield SchemaViolation("There is a key that is not allowed.")
        else:
            yield from validator.descend(instance[key], subschema, path=key)


def _properties(validator: Any, properties: JsonObject, instance: Any, schema: JsonObject) -> Iterator[SchemaViolation]:
    """Check the properties. A null counts as missing, unless the schema requires the property."""
    if not validator.is_type(instance, "object"):
        return
    required = frozenset(schema.get("required", ()))
    budget.get().spend(len(required))
    for key, subschema in properties.items():
        if key in instance and (instance[key] is not None or key in required):
            yield from validator.descend(instance[key], subschema, path=key, schema_path=key)


def _any_of(validator: Any, subschemas: list[Any], instance: Any, _schema: JsonObject) -> Iterator[SchemaViolation]:
    """Check that a schema allows the value. The library's rule would keep all errors of the other ones."""
    if not any(_allows(validator, subschema, instance) for subschema in subschemas):
        yield SchemaViolation("None of the schemas allows the value.")


def _one_of(validator: Any, subschemas: list[Any], instance: Any, _schema: JsonObject) -> Iterator[SchemaViolation]:
    allowing = (subschema for subschema in subschemas if _allows(validator, subschema, instance))
    if len(list(islice(allowing, 2))) != 1:
        yield SchemaViolation("Not exactly one of the schemas allows the value.")


def _allows(validator: Any, subschema: Any, instance: Any) -> bool:
    return next(validator.descend(instance, subschema), None) is None


def _unique_items(validator: Any, is_unique: bool, instance: Any, _schema: JsonObject) -> Iterator[SchemaViolation]:
    if is_unique and validator.is_type(instance, "array"):
        budget.get().spend(size(instance))
        if len({_hashable(entry) for entry in instance}) < len(instance):
            yield SchemaViolation("The list has equal entries.")


def _hashable(value: Any) -> Any:
    """Return a value that is equal for equal JSON values only. In JSON, `true` is not 1, but 1 is 1.0."""
    if isinstance(value, dict):
        return "object", frozenset((key, _hashable(member)) for key, member in value.items())
    if isinstance(value, list):
        return "array", tuple(map(_hashable, value))
    return ("boolean", value) if isinstance(value, bool) else value


def _regular_expressions(validator: Any, format_: Any, instance: Any, _schema: JsonObject) -> Iterator[SchemaViolation]:
    if format_ == "regex" and validator.is_type(instance, "string") and not is_regular_expression(instance):
        yield SchemaViolation("The text is not a regular expression.")


def _nothing(_validator: Any, _value: Any, _instance: Any, _schema: JsonObject) -> Iterator[SchemaViolation]:
    yield from ()


def _evolve(self: Any, **changes: Any) -> Any:
    budget.get().spend(_entries(changes.get("schema")) // KEYS_PER_STEP)
    return attrs.evolve(self, **changes)


def _make_class(**more: Rule) -> Any:
    rules: dict[str, Any] = {
        **Draft202012Validator.VALIDATORS,
        "pattern": _pattern,
        "patternProperties": _pattern_properties,
        "additionalProperties": _additional_properties,
        "anyOf": _any_of,
        "oneOf": _one_of,
        "uniqueItems": _unique_items,
        # The library's own rules follow every reference once more at each level, and match patterns with `re`.
        "unevaluatedItems": _nothing,
        "unevaluatedProperties": _nothing,
        **more,
    }
    counters = {
        **dict.fromkeys(("enum", "const", "dependentRequired"), _counted_by_size),
        **dict.fromkeys(("$ref", "$dynamicRef"), _counted_by_length),
    }
    counted = {name: counters.get(name, _counted)(rule) for name, rule in rules.items()}
    made: Any = extend(Draft202012Validator, counted)  # type: ignore[no-untyped-call]  # Its stub has no types.
    # At a `$schema` inside a schema, the library's own `evolve` would switch to a class without these rules.
    made.evolve = _evolve
    return made


ALL_RULES: Final = _make_class(format=_regular_expressions)
"""All rules that are checked, for the schema itself."""
WITHOUT_REQUIRED: Final = _make_class(required=_nothing, properties=_properties, format=_nothing)
"""These rules without required values, for values that a run may complete."""
