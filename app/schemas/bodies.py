"""The base models of bodies, and checks: values are not too large, and can be stored and returned in responses."""

import math
from collections.abc import Iterable
from typing import Any, ClassVar, Final

from pydantic import BaseModel, ConfigDict, GetJsonSchemaHandler, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from app.postgres.base import JsonObject
from app.schemas.nulls import refuse_null

CONTAINERS: Final = (dict, list)
OBJECT_DEPTH: Final = 100
"""pydantic can serialize up to 255 levels, and every stored value must fit into a response."""
OBJECT_KEYS: Final = 1000
MODEL_KEYS: Final = 100
"""The most keys of an object whose keys are known. Each unknown key would be an error of its own."""
DIGITS_LIMIT: Final = 1024 * 1024
"""Without this limit, PostgreSQL could write the numbers of a body of 4 MB with hundreds of megabytes of digits."""


def without_nul(text: str) -> str:
    """Return the text unchanged.

    Raises:
        ValueError: it contains a NUL character, which PostgreSQL cannot store.
    """
    if "\0" in text:
        raise ValueError("A text must not contain NUL characters.")
    return text


def not_too_deep(value: JsonObject) -> JsonObject:
    """Return the object unchanged.

    Raises:
        ValueError: it has more than `OBJECT_DEPTH` levels.
    """
    level: list[Any] = [value]
    for _ in range(OBJECT_DEPTH):
        level = [child for parent in level for child in _members(parent) if isinstance(child, CONTAINERS)]
        if not level:
            return value
    raise ValueError(f"An object must not have more than {OBJECT_DEPTH} levels of objects and lists.")


def _members(parent: dict[str, Any] | list[Any]) -> Iterable[Any]:
    return parent.values() if isinstance(parent, dict) else parent


def with_few_keys(value: Any, limit: int = OBJECT_KEYS) -> Any:
    """Return the value unchanged.

    Raises:
        ValueError: it is an object with more than `limit` keys.
    """
    if isinstance(value, dict) and len(value) > limit:
        raise ValueError(f"An object must have at most {limit} keys here.")
    return value


def within_digits(value: Any) -> Any:
    """Return the JSON value unchanged, after checking the size of its very large and very small numbers.

    PostgreSQL writes `1e300` with all its zeros: a few bytes become hundreds of bytes whenever the value is read.

    Raises:
        ValueError: the numbers have more than `DIGITS_LIMIT` digits in total.
    """
    digits = 0.0
    # The loop appends to the list that it iterates over.
    items: list[Any] = [value]
    for item in items:
        if isinstance(item, CONTAINERS):
            items += _members(item)
        elif isinstance(item, float):
            digits += _digits(item)
            if digits > DIGITS_LIMIT:
                raise ValueError(f"Numbers must not have more than {DIGITS_LIMIT} digits in total when written out.")
    return value


def _digits(number: float) -> float:
    return abs(math.log10(abs(number))) if number and math.isfinite(number) else 0


class WireModel(BaseModel):
    """A filter, or a body that creates or updates something. An unknown key is an error, so typos are noticed."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    @model_validator(mode="before")
    @classmethod
    def _within_digits(cls, data: Any) -> Any:
        return within_digits(with_few_keys(data, MODEL_KEYS))

    def fields_set(self) -> dict[str, Any]:
        """Return the fields that the request's body contains, as Python values."""
        return self.model_dump(exclude_unset=True)


class Changes(WireModel):
    """A body that updates something. Omitted fields stay unchanged. Only `clearable` fields may be null."""

    clearable: ClassVar[frozenset[str]] = frozenset()

    @model_validator(mode="before")
    @classmethod
    def _null_only_clears(cls, data: Any) -> Any:
        if isinstance(data, dict):
            fields = set(cls.model_fields) - cls.clearable
            refused = sorted(key for key, value in data.items() if value is None and key in fields)
            if refused:
                raise ValueError(f"Must not be null: {', '.join(refused)}.")
        return data

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Return the JSON Schema, in which only the clearable fields may be null."""
        schema = handler(core_schema)
        refuse_null(handler.resolve_ref_schema(schema), cls.clearable)
        return schema
