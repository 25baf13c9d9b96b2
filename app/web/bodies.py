"""Reads request bodies: FastAPI passes the parsed JSON on as it was sent, and the thread of the route validates it."""

from typing import Annotated, Any, get_args, get_origin

from fastapi import Body
from fastapi.exceptions import RequestValidationError
from fastapi.params import Body as BodyParameter
from fastapi.params import Depends
from pydantic import BaseModel, GetCoreSchemaHandler, TypeAdapter, ValidationError
from pydantic_core import CoreSchema, core_schema


def is_body(annotation: Any) -> bool:
    """Return whether a parameter with this annotation gets the body: it is a model or a list, or is declared so."""
    type_, *metadata = get_args(annotation) if get_origin(annotation) is Annotated else (annotation,)
    if any(isinstance(entry, BodyParameter | Depends) for entry in metadata):
        return not any(isinstance(entry, Depends) for entry in metadata)
    return any(_is_model_or_list(choice) for choice in (type_, *get_args(type_)))


def as_sent(annotation: Any) -> Any:
    """Return an annotation with the same JSON Schema, for which FastAPI accepts every JSON value unchanged."""
    metadata = get_args(annotation)[1:] if get_origin(annotation) is Annotated else ()
    declared = next((entry for entry in metadata if isinstance(entry, BodyParameter)), Body())
    return Annotated[Any, declared, _AsSent(annotation)]


def read_body(adapter: TypeAdapter[Any], sent: Any) -> Any:
    """Return the validated body.

    Raises:
        RequestValidationError: it is not valid.
    """
    try:
        return adapter.validate_python(sent)
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False, include_input=False)
        raise RequestValidationError([{**entry, "loc": ("body", *entry["loc"])} for entry in found]) from None


def _is_model_or_list(type_: Any) -> bool:
    return get_origin(type_) is list or (isinstance(type_, type) and issubclass(type_, BaseModel))


class _AsSent:
    """Describes a body in the OpenAPI document without validating it."""

    def __init__(self, annotation: Any) -> None:
        self._annotation = annotation

    def __get_pydantic_core_schema__(self, _source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Return a schema that accepts every value and documents the annotation."""
        documented = handler.generate_schema(self._annotation)
        return core_schema.no_info_plain_validator_function(lambda value: value, json_schema_input_schema=documented)
