"""Checks values against a JSON Schema that a client sent, without requesting anything that the schema refers to.

A client's regular expression must not block the process: Python's `re` can take years for `^(a+)+$`, and lets no
other thread run meanwhile. RE2 takes time in proportion to the text. It does not support look-around, back-references
and `\\uXXXX`. Such a pattern is not checked: it allows every text and every key.
"""

import json
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, Final

import attrs
import re2
from jsonschema.exceptions import SchemaError
from jsonschema.exceptions import ValidationError as SchemaViolation
from jsonschema.validators import Draft202012Validator, extend
from referencing import Registry
from referencing.exceptions import Unresolvable

from app.errors import InvalidRequest, RequestError
from app.postgres.base import JsonObject

REMEMBERED: Final = 128
REMEMBERED_LENGTH: Final = 8 * 1024
"""Longer schemas are not cached, so that clients cannot fill the memory."""


def check_conformity(
    values: JsonObject, schema: JsonObject, what: str, error: type[RequestError] = InvalidRequest
) -> None:
    """Reject values that their schema does not allow.

    Missing values are allowed at every depth, because a run may supply them.

    Two rules are not checked: patterns that RE2 cannot compile (see the top of this module), and
    `unevaluatedProperties` in a schema that has `patternProperties` anywhere.

    Args:
        values: the values by name. At every depth, a null counts as missing, unless the schema requires the value.
        schema: an object schema of JSON Schema 2020-12.
        what: the name of the values in error messages.
        error: the error to raise if a value does not conform.

    Raises:
        InvalidRequest: the schema is invalid, refers to something outside itself, or cannot be evaluated.
        RequestError: of the type `error`. The message names the place and the rule, never the value.
    """
    try:
        violation = _first_violation(values, schema)
    except SchemaError as broken:
        raise InvalidRequest(f"The schema of the {what} is not a valid JSON Schema at {_place(broken)}.") from None
    except (Unresolvable, RecursionError):
        raise InvalidRequest(f"The schema of the {what} has a reference that leads nowhere, or to itself.") from None
    except Exception:  # noqa: BLE001  # A client's schema can make the library fail in many ways.
        # The library's own message may quote a value.
        raise InvalidRequest(f"The {what} cannot be checked against their schema.") from None
    if violation is not None:
        raise error(
            f"The {what} do not fit their schema at {_place(violation)}: it breaks the rule {_rule(violation)}."
        )


def _first_violation(values: JsonObject, schema: JsonObject) -> SchemaViolation | None:
    return next(iter(_validator(schema).iter_errors(values)), None)


def _validator(schema: JsonObject) -> Any:
    try:
        text = json.dumps(schema)
    except TypeError:
        # It contains a Decimal, which `json` cannot write (see `app.postgres.base.load_json`).
        return _make_validator(schema)
    return _remembered_validator(text) if len(text) <= REMEMBERED_LENGTH else _make_validator(schema)


@lru_cache(REMEMBERED)
def _remembered_validator(text: str) -> Any:
    """Cache validators: requests use the same few schemas, and validating a schema costs more than all the rest."""
    return _make_validator(json.loads(text))


def _make_validator(schema: JsonObject) -> Any:
    Draft202012Validator.check_schema(schema)
    # With an empty registry, a reference to a URL is an error. Otherwise the library would request that URL.
    make_validator = _WITHOUT_UNEVALUATED if _mentions(schema, "patternProperties") else _LINEAR
    return make_validator(schema, registry=Registry())


def _place(error: Any) -> str:
    return ".".join(str(part) for part in error.absolute_path) or "the top"


def _rule(violation: SchemaViolation) -> str:
    return f"'{violation.validator}'"


def _mentions(part: Any, key: str) -> bool:
    if isinstance(part, dict):
        return key in part or any(_mentions(inner, key) for inner in part.values())
    return isinstance(part, list) and any(_mentions(inner, key) for inner in part)


def _options() -> Any:
    options = re2.Options()
    options.log_errors = False  # Otherwise RE2 writes patterns that it cannot compile to stderr.
    options.never_capture = True
    return options


_OPTIONS: Final = _options()


def _found(pattern: str, text: str) -> bool | None:
    """Return whether the pattern matches anywhere in the text, or None if RE2 cannot compile it."""
    try:
        return re2.search(pattern, text, _OPTIONS) is not None
    except re2.error:
        return None


def _pattern(validator: Any, pattern: str, instance: Any, _schema: JsonObject) -> Iterator[SchemaViolation]:
    if validator.is_type(instance, "string") and _found(pattern, instance) is False:
        yield SchemaViolation("The text does not match the pattern.")


def _pattern_properties(
    validator: Any, patterns: JsonObject, instance: Any, _schema: JsonObject
) -> Iterator[SchemaViolation]:
    if not validator.is_type(instance, "object"):
        return
    for pattern, subschema in patterns.items():
        for key, value in instance.items():
            if _found(pattern, key):
                yield from validator.descend(value, subschema, path=key, schema_path=pattern)


def _additional_properties(
    validator: Any, subschema: Any, instance: Any, schema: JsonObject
) -> Iterator[SchemaViolation]:
    if not validator.is_type(instance, "object"):
        return
    extra = [key for key in instance if key not in schema.get("properties", {})]
    for pattern in schema.get("patternProperties", {}):
        # A pattern that cannot be checked might allow the key.
        extra = [key for key in extra if _found(pattern, key) is False]
    for key in extra:
        if subschema is False:
            yield SchemaViolation("There is a key that is not allowed.")
        else:
            yield from validator.descend(instance[key], subschema, path=key)


def _properties(validator: Any, properties: JsonObject, instance: Any, schema: JsonObject) -> Iterator[SchemaViolation]:
    if not validator.is_type(instance, "object"):
        return
    required = schema.get("required", [])
    for key, subschema in properties.items():
        if key in instance and (instance[key] is not None or key in required):
            yield from validator.descend(instance[key], subschema, path=key, schema_path=key)


def _nothing(_validator: Any, _value: Any, _instance: Any, _schema: JsonObject) -> Iterator[SchemaViolation]:
    yield from ()


def _evolve(self: Any, **changes: Any) -> Any:
    return attrs.evolve(self, **changes)


def _linear(**more: Any) -> Any:
    """Return the validator class of JSON Schema 2020-12 without Python's `re`, and without required values."""
    rules = {
        "pattern": _pattern,
        "patternProperties": _pattern_properties,
        "additionalProperties": _additional_properties,
        "properties": _properties,
        "required": _nothing,
    }
    made: Any = extend(Draft202012Validator, {**rules, **more})  # type: ignore[no-untyped-call]  # Its stub has no types.
    # At a `$schema` inside a schema, the library's own `evolve` would switch to a class without these rules.
    made.evolve = _evolve
    return made


_LINEAR: Final = _linear()
# The library's own rule follows every reference and matches `patternProperties` with `re`; that cannot be changed.
_WITHOUT_UNEVALUATED: Final = _linear(unevaluatedProperties=_nothing)
