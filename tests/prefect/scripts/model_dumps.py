"""Prints what the client's own models look like with all their fields set: filters, and bodies that create or update.

For each model there is a dump with all fields, and one for each field alone.
"""

import contextlib
import inspect
import json
import sys
from datetime import UTC, datetime
from enum import Enum
from typing import Any, Literal, get_args, get_origin
from uuid import UUID

from prefect.client.schemas import actions, filters
from prefect.events import filters as event_filters
from pydantic import BaseModel

SAMPLES: dict[Any, Any] = {
    bool: True,
    int: 3,
    float: 0.5,
    str: "text",
    UUID: UUID(int=7),
    datetime: datetime(2026, 6, 1, tzinfo=UTC),
    Any: 1,
}
BY_NAME: dict[str, Any] = {
    "schedule": {"interval": 60},
    "base_job_template": {"job_configuration": {}, "variables": {}},
    "branch": "main",
    "labels": {"text": "text"},
    "parameter_openapi_schema": {"type": "object"},
    "pull_steps": [{"step": {"text": 1}}],
}
"""Values for fields whose type is not specific enough."""
BY_MODEL: dict[str, Any] = {"WorkerFilterStatus": {"any_": ["ONLINE"], "not_any_": ["OFFLINE"]}}


def sample(annotation: Any) -> Any:
    """Return a value of this type."""
    origin, arguments = get_origin(annotation), [one for one in get_args(annotation) if one is not type(None)]
    if origin in (list, set, frozenset, tuple):
        members = arguments if origin is tuple else arguments[:1]
        return [sample(member) for member in members]
    if dict in (origin, annotation):
        return {"text": sample(arguments[1]) if arguments else 1}
    if origin is not None:
        # A union or a Literal: take the first member.
        return arguments[0] if origin is Literal else sample(arguments[0])
    return _sample_of_class(annotation) if inspect.isclass(annotation) else SAMPLES.get(annotation, "text")


def _sample_of_class(class_: type) -> Any:
    if issubclass(class_, Enum):
        return next(iter(class_)).value
    if issubclass(class_, BaseModel):
        return BY_MODEL.get(class_.__name__) or values(class_)
    return next(
        (value for type_, value in SAMPLES.items() if inspect.isclass(type_) and issubclass(class_, type_)), "text"
    )


def values(model: type[BaseModel]) -> dict[str, Any]:
    """Return values for all fields of the model."""
    fields = {name: field for name, field in model.model_fields.items() if not field.exclude}
    return {name: BY_NAME[name] if name in BY_NAME else sample(field.annotation) for name, field in fields.items()}


def dump(model: type[BaseModel], fields: dict[str, Any]) -> Any:
    """Return the body that the client sends for these fields, or None if it rejects them."""
    try:
        return model.model_validate(fields).model_dump(mode="json", exclude_unset=True)
    except ValueError:
        return None


def dumps(model: type[BaseModel]) -> dict[str, Any]:
    """Return the dumps of a model, by the field or set of fields that they contain."""
    everything = values(model)
    required = {name: everything[name] for name, field in model.model_fields.items() if field.is_required()}
    found = {name: dump(model, {**required, name: value}) for name, value in everything.items()}
    found["everything"] = dump(model, everything)
    found["nothing"] = dump(model, required)
    if not model.__name__.endswith("Update"):
        # In an update, the client sends only the fields that are set.
        with contextlib.suppress(ValueError):
            found["defaults"] = model.model_validate(required).model_dump(mode="json")
    return {name: body for name, body in found.items() if body is not None}


def main() -> None:
    """Print the dumps of the named models, without those that this version lacks."""
    places = (filters, actions, event_filters)
    found = {name: next((getattr(one, name) for one in places if hasattr(one, name)), None) for name in sys.argv[1:]}
    print(json.dumps({name: dumps(model) for name, model in found.items() if model is not None}))


main()
