"""Replaces secret values before anything is stored, so that no snapshot, message, event or log line contains one.

A masked value is `{"$masked": "<12 hex digits>"}`. The digits are a keyed HMAC of the value, so a changed secret is
visible as a change. Without the key, guesses of the value cannot be tested.
"""

import hmac
from hashlib import sha256
from typing import Any, Final

from app.capture.canonical import canonical_text
from app.capture.masking_rules import Place, Rules, is_environment, is_name
from app.capture.masking_urls import as_text, mask_urls

MASKED: Final = "$masked"

NAMED_SUBSCHEMAS: Final = frozenset(
    {"properties", "patternProperties", "$defs", "definitions", "dependentSchemas", "dependentRequired", "dependencies"}
)
"""Keywords whose keys are not keywords but names from the schema's author. A property may be named `default`."""

SUBSCHEMAS: Final = NAMED_SUBSCHEMAS | {
    "additionalItems", "additionalProperties", "allOf", "anyOf", "contains", "contentSchema", "else", "if", "items",
    "not", "oneOf", "prefixItems", "propertyNames", "then", "unevaluatedItems", "unevaluatedProperties",
}  # fmt: skip
"""Keywords that contain schemas."""

SCHEMA_VALUES: Final = frozenset({"default", "example", "examples", "const", "enum"})
"""Keywords that contain values."""

FINGERPRINT_OF: Final = b"aftercommit masking key"
"""The text whose HMAC is the fingerprint of the key. It is not JSON, so it is the mask of no value."""


class Masker:
    """Masks the secrets in the fields of resources, with one key and one set of rules."""

    def __init__(self, key: str, rules: Rules | None = None) -> None:
        """Take the HMAC key and the rules. Without `rules`, only the built-in rules apply."""
        # It is copied for each value. That is several times as fast as creating a new one from the key.
        self._hmac = hmac.new(key.encode(), digestmod=sha256)
        self.rules = rules or Rules()
        self._places: dict[str, Place] = {}

    @property
    def fingerprint(self) -> bytes:
        """Return what identifies the key in the database: an HMAC-SHA256, from which the key cannot be computed."""
        digest = self._hmac.copy()
        digest.update(FINGERPRINT_OF)
        return digest.digest()

    def mask(self, field: str, value: Any) -> Any:
        """Return a copy of this field's JSON value in which every secret is masked."""
        place = self._places.get(field)
        if place is None:
            place = self._places[field] = self.rules.place(field)
        return self._mask_secrets(value, place)

    def mask_text(self, field: str, text: str) -> str:
        """Return this field's text in which every secret is masked. If all of it is a secret, the mask is a text."""
        masked = self.mask(field, text)
        return masked if isinstance(masked, str) else as_text(masked)

    def _mask_secrets(self, value: Any, place: Place) -> Any:
        """Mask the secrets at and below this place."""
        if place.is_masked:
            return self._mask_leaves(value, place)
        if place.is_unmasked:
            return self._leave_unmasked(value, place)
        if isinstance(value, str):
            return self._mask_urls(value)
        if isinstance(value, dict):
            is_schema = place.is_schema
            return self._mask_schema(value, place, is_secret=False) if is_schema else self._mask_object(value, place)
        if isinstance(value, list):
            return [self._mask_secrets(entry, place.below(str(index))) for index, entry in enumerate(value)]
        return value

    def _mask_object(self, value: dict[str, Any], place: Place) -> dict[str, Any]:
        """Mask the secrets in an object, also in one like `{"name": "TOKEN", "value": "1"}`."""
        has_secret_value = place.has_environments and self._has_secret_name(value)
        return {
            key: self._mask_leaves(entry, place.below(key))
            if has_secret_value and key.lower() == "value"
            else self._mask_entry(key, entry, place)
            for key, entry in value.items()
        }

    def _mask_entry(self, key: str, entry: Any, parent: Place) -> Any:
        """Mask the secrets in an entry of an object. A secret key makes the whole entry a secret."""
        place = parent.below(key)
        if self.rules.is_secret(key):
            return self._mask_leaves(entry, place)
        if is_environment(key, place):
            return self._mask_environment(entry, place)
        return self._mask_secrets(entry, place)

    def _mask_schema(self, schema: Any, place: Place, *, is_secret: bool) -> Any:
        """Mask the secrets in a JSON Schema. If `is_secret`, the schema describes a secret: mask all its values."""
        if place.is_masked:
            return self._mask_leaves(schema, place)
        if place.is_unmasked:
            return self._leave_unmasked(schema, place)
        if isinstance(schema, list):
            return [
                self._mask_schema(entry, place.below(str(index)), is_secret=is_secret)
                for index, entry in enumerate(schema)
            ]
        if not isinstance(schema, dict):
            return self._mask_secrets(schema, place)
        return {key: self._mask_keyword(key, entry, place, is_secret=is_secret) for key, entry in schema.items()}

    def _mask_keyword(self, key: str, entry: Any, parent: Place, *, is_secret: bool) -> Any:
        """Mask the secrets in the entry of a schema under this keyword."""
        place = parent.below(key)
        if key in SCHEMA_VALUES and is_secret:
            return self._mask_leaves(entry, place)
        if key in NAMED_SUBSCHEMAS and isinstance(entry, dict) and not (place.is_masked or place.is_unmasked):
            return {
                name: self._mask_named_schema(name, inner, place, is_secret=is_secret) for name, inner in entry.items()
            }
        if key in SUBSCHEMAS:
            return self._mask_schema(entry, place, is_secret=is_secret)
        # A keyword that JSON Schema does not define may contain values too.
        return self._mask_entry(key, entry, parent)

    def _mask_named_schema(self, name: str, schema: Any, parent: Place, *, is_secret: bool) -> Any:
        """Mask the secrets in the schema of a property or definition. A secret name makes all its values secrets."""
        place = parent.below(name)
        names_secrets = self.rules.is_secret(name) or is_environment(name, place)
        return self._mask_schema(schema, place, is_secret=is_secret or names_secrets)

    def _mask_environment(self, entry: Any, place: Place) -> Any:
        """Mask all values of an environment: an object, or a list such as `[{"name": "A", "value": "1"}, "B=2"]`."""
        if not isinstance(entry, list) or place.is_masked or place.is_unmasked:
            return self._mask_leaves(entry, place)
        return [self._mask_variable(variable, place.below(str(index))) for index, variable in enumerate(entry)]

    def _mask_variable(self, variable: Any, place: Place) -> Any:
        """Mask a variable in a list of environment variables. The name of an object stays readable."""
        if not (isinstance(variable, dict) and variable) or place.is_masked or place.is_unmasked:
            return self._mask_leaves(variable, place)
        return {
            key: inner if is_name(key, inner) else self._mask_leaves(inner, place.below(key))
            for key, inner in variable.items()
        }

    def _mask_leaves(self, value: Any, place: Place) -> Any:
        """Mask every value at and below this place, but keep the keys, which show what changed.

        A list is masked as a whole. Values that the settings unmask stay readable.
        """
        if place.is_unmasked:
            return self._leave_unmasked(value, place)
        if isinstance(value, dict) and value:
            return {key: self._mask_leaves(entry, place.below(key)) for key, entry in value.items()}
        if value is None or value in ({}, [], ""):
            return value
        return {MASKED: self._digest(value)}

    def _leave_unmasked(self, value: Any, place: Place) -> Any:
        """Ignore the rules about keys at and below this place. Mask only `masked` paths and secrets in URLs."""
        if place.is_masked:
            return self._mask_leaves(value, place)
        if isinstance(value, dict):
            return {key: self._leave_unmasked(entry, place.below(key)) for key, entry in value.items()}
        if isinstance(value, list):
            return [self._leave_unmasked(entry, place.below(str(index))) for index, entry in enumerate(value)]
        return self._mask_urls(value) if isinstance(value, str) else value

    def _has_secret_name(self, entry: dict[str, Any]) -> bool:
        """Return whether the object has the entry `name` with a secret's name."""
        return any(is_name(key, value) and self.rules.is_secret(value) for key, value in entry.items())

    def _mask_urls(self, text: str) -> str:
        # Most texts hold no URL and no pair, and need no search for them.
        if "://" in text or "=" in text or "%3" in text:
            return mask_urls(text, self._mask_in_text, self.rules.is_secret)
        return text

    def _mask_in_text(self, secret: str) -> str:
        return f"{MASKED}-{self._digest(secret)}"

    def _digest(self, value: Any) -> str:
        digest = self._hmac.copy()
        digest.update(canonical_text(value).encode())
        return digest.hexdigest()[:12]
