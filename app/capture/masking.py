"""Replaces secret values before anything is stored, so that no snapshot, message, event or log line holds one.

A masked value reads `{"$masked": "<12 hex digits>"}`: the digits are a keyed HMAC of the value, so a change of a
secret shows as a change, and nobody without the key can guess the value by trying.
"""

import hmac
import json
from hashlib import sha256
from typing import Any, Final

from app.capture.masking_rules import Place, Rules, is_environment, is_name
from app.capture.masking_urls import mask_urls

MASKED: Final = "$masked"

NAMED_SUBSCHEMAS: Final = frozenset(
    {"properties", "patternProperties", "$defs", "definitions", "dependentSchemas", "dependentRequired", "dependencies"}
)
"""Keywords whose keys are names that somebody chose: a property may be called `default`, or `enum`."""

SUBSCHEMAS: Final = NAMED_SUBSCHEMAS | {
    "additionalItems", "additionalProperties", "allOf", "anyOf", "contains", "contentSchema", "else", "if", "items",
    "not", "oneOf", "prefixItems", "propertyNames", "then", "unevaluatedItems", "unevaluatedProperties",
}  # fmt: skip
SCHEMA_VALUES: Final = frozenset({"default", "example", "examples", "const", "enum"})

CANONICAL: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":"))


class Masker:
    """Masks the values of resources' fields with one key and one set of rules."""

    def __init__(self, key: str, rules: Rules | None = None) -> None:
        """Take the HMAC key and the rules; without them the built-in ones alone hold."""
        # Copied for each value: it is several times as quick as keying a new one.
        self._hmac = hmac.new(key.encode(), digestmod=sha256)
        self._rules = rules or Rules()
        self._places: dict[str, Place] = {}

    def mask(self, field: str, value: Any) -> Any:
        """Return the JSON value of that field with every secret in it masked; the argument stays as it is."""
        place = self._places.get(field)
        if place is None:
            place = self._places[field] = self._rules.place(field)
        return self._walk(value, place)

    def _walk(self, value: Any, place: Place) -> Any:
        if place.is_masked:
            return self._mask_leaves(value, place)
        if place.is_unmasked:
            return self._show(value, place)
        if isinstance(value, str):
            return self._mask_urls(value)
        if isinstance(value, dict):
            return self._walk_schema(value, place, secret=False) if place.is_schema else self._walk_object(value, place)
        if isinstance(value, list):
            return [self._walk(entry, place.below(str(at))) for at, entry in enumerate(value)]
        return value

    def _walk_object(self, value: dict[str, Any], place: Place) -> dict[str, Any]:
        secret_value = place.has_environments and self._names_a_secret(value)
        return {
            key: self._mask_leaves(entry, place.below(key))
            if secret_value and key.lower() == "value"
            else self._walk_entry(key, entry, place)
            for key, entry in value.items()
        }

    def _walk_entry(self, key: str, entry: Any, parent: Place) -> Any:
        place = parent.below(key)
        if self._rules.is_secret(key):
            return self._mask_leaves(entry, place)
        if is_environment(key, place):
            return self._mask_environment(entry, place)
        return self._walk(entry, place)

    def _walk_schema(self, schema: Any, place: Place, *, secret: bool) -> Any:
        """Mask the values in a schema: all of them when it is `secret`, which is a schema under a secret's name."""
        if place.is_masked:
            return self._mask_leaves(schema, place)
        if place.is_unmasked:
            return self._show(schema, place)
        if isinstance(schema, list):
            return [self._walk_schema(entry, place.below(str(at)), secret=secret) for at, entry in enumerate(schema)]
        if not isinstance(schema, dict):
            return self._walk(schema, place)
        return {key: self._walk_keyword(key, entry, place, secret=secret) for key, entry in schema.items()}

    def _walk_keyword(self, key: str, entry: Any, parent: Place, *, secret: bool) -> Any:
        place = parent.below(key)
        if key in SCHEMA_VALUES and secret:
            return self._mask_leaves(entry, place)
        if key in NAMED_SUBSCHEMAS and isinstance(entry, dict) and not (place.is_masked or place.is_unmasked):
            return {name: self._walk_named(name, inner, place, secret=secret) for name, inner in entry.items()}
        if key in SUBSCHEMAS:
            return self._walk_schema(entry, place, secret=secret)
        # A keyword that JSON Schema does not have may hold values too.
        return self._walk_entry(key, entry, parent)

    def _walk_named(self, name: str, schema: Any, parent: Place, *, secret: bool) -> Any:
        place = parent.below(name)
        holds_secrets = self._rules.is_secret(name) or is_environment(name, place)
        return self._walk_schema(schema, place, secret=secret or holds_secrets)

    def _mask_environment(self, entry: Any, place: Place) -> Any:
        """Mask an environment, which is a mapping, or a list such as `[{"name": "A", "value": "1"}, "B=2"]`."""
        if not isinstance(entry, list) or place.is_masked or place.is_unmasked:
            return self._mask_leaves(entry, place)
        return [self._mask_variable(variable, place.below(str(at))) for at, variable in enumerate(entry)]

    def _mask_variable(self, variable: Any, place: Place) -> Any:
        if not (isinstance(variable, dict) and variable) or place.is_masked or place.is_unmasked:
            return self._mask_leaves(variable, place)
        return {
            key: inner if is_name(key, inner) else self._mask_leaves(inner, place.below(key))
            for key, inner in variable.items()
        }

    def _mask_leaves(self, value: Any, place: Place) -> Any:
        """Mask each value but keep the keys, which say what changed; what the settings unmask stays."""
        if place.is_unmasked:
            return self._show(value, place)
        if isinstance(value, dict) and value:
            return {key: self._mask_leaves(entry, place.below(key)) for key, entry in value.items()}
        if value is None or value in ({}, [], ""):
            return value
        return {MASKED: self._digest(value)}

    def _show(self, value: Any, place: Place) -> Any:
        """Leave a value whatever its keys are called; passwords in URLs, and what is masked by its path, are not."""
        if place.is_masked:
            return self._mask_leaves(value, place)
        if isinstance(value, dict):
            return {key: self._show(entry, place.below(key)) for key, entry in value.items()}
        if isinstance(value, list):
            return [self._show(entry, place.below(str(at))) for at, entry in enumerate(value)]
        return self._mask_urls(value) if isinstance(value, str) else value

    def _names_a_secret(self, entry: dict[str, Any]) -> bool:
        return any(is_name(key, value) and self._rules.is_secret(value) for key, value in entry.items())

    def _mask_urls(self, text: str) -> str:
        return mask_urls(text, self._inline)

    def _inline(self, secret: str) -> str:
        return f"{MASKED}-{self._digest(secret)}"

    def _digest(self, value: Any) -> str:
        digest = self._hmac.copy()
        digest.update(CANONICAL.encode(_canonical(value)).encode())
        return digest.hexdigest()[:12]


def _canonical(value: Any) -> Any:
    """Write equal JSON numbers equally: PostgreSQL takes `1` and `1.0` for the same, so their masks are too."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, dict):
        return {key: _canonical(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [_canonical(entry) for entry in value]
    return value
