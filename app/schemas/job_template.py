"""Validates the base job template of a work pool: it must declare every variable that it uses."""

import re
from collections.abc import Iterator
from typing import Annotated, Any, Final

from pydantic import AfterValidator, Field

from app.postgres.base import JsonObject
from app.schemas.bounds import LISTED_ERRORS, PLACE_LENGTH, shortened
from app.schemas.shared import Object

PLACEHOLDER: Final = re.compile(r"{{\s*([\w.\-\[\]$]+)\s*}}")


Place = tuple[str, ...]
"""The keys and indexes down to a text. They are joined only for a message, because a key may be very long."""


def places_of_undeclared_variables(template: JsonObject) -> list[str]:
    """Return the first places where the job configuration uses a variable in `{{ }}` that the variables do not declare.

    They are sorted. The names of the variables are left out: they are parts of values, and may be secrets.
    """
    declared = template["variables"].get("properties")
    names = frozenset(declared if isinstance(declared, dict) else ())
    texts = _texts(template["job_configuration"], ("job_configuration",))
    places = {place for place, text in texts if set(PLACEHOLDER.findall(text)) - names}
    return [".".join(shortened(part, PLACE_LENGTH) for part in place) for place in sorted(places)[:LISTED_ERRORS]]


def _texts(value: Any, place: Place) -> Iterator[tuple[Place, str]]:
    """Yield each key and each text inside the value, with its place."""
    if isinstance(value, str):
        yield place, value
    elif isinstance(value, list):
        for index, entry in enumerate(value):
            yield from _texts(entry, (*place, str(index)))
    elif isinstance(value, dict):
        for key, entry in value.items():
            yield place, key
            yield from _texts(entry, (*place, key))


def _check(template: JsonObject) -> JsonObject:
    if not template:
        return template
    if not (_is_object(template, "job_configuration") and _is_object(template, "variables")):
        raise ValueError(
            "The `base_job_template` must contain both a `job_configuration` key and a `variables` key, each an object."
        )
    places = places_of_undeclared_variables(template)
    if places:
        raise ValueError(
            "The variables specified in the job configuration template must be present as properties in the variables"
            f" schema. Your job configuration uses undeclared variables at: {', '.join(places)}."
        )
    return template


def _is_object(template: JsonObject, key: str) -> bool:
    part: Any = template.get(key)
    return isinstance(part, dict)


PARTS: Final = {
    "job_configuration": {"type": "object", "description": "What a worker needs to run a job, with `{{ variables }}`."},
    "variables": {"type": "object", "description": "The JSON Schema of the variables."},
}
BaseJobTemplate = Annotated[
    Object,
    Field(json_schema_extra={"anyOf": [{"maxProperties": 0}, {"required": [*PARTS], "properties": PARTS}]}),
    AfterValidator(_check),
]
"""A base job template. An empty object means: no template."""
