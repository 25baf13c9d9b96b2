"""Types and base models that the request and response bodies share: texts, names, tags, paging.

The filters of the list routes are in `app.schemas.filters`.
"""

from datetime import datetime
from typing import Annotated, Any, Final, Self
from uuid import UUID

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    StrictBool,
    StrictFloat,
    StrictInt,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from app.errors import InvalidRequest
from app.postgres.base import JsonObject
from app.schemas.bodies import not_too_deep, with_few_keys, without_nul
from app.schemas.bounds import BoundedList
from app.schemas.examples import PAGE, PAGING, example
from app.schemas.nulls import accept_null
from app.schemas.numbers import WHOLE

NAME_LENGTH: Final = 500
"""In characters. An entry of a unique index has at most 2704 bytes, and a UTF-8 character has up to four."""
TEXT_LENGTH: Final = 100_000
LIST_LIMIT: Final = 200
"""The highest and the default number of rows in one response."""
INTEGER_MAX: Final = 2**31 - 1


def _without_repeats(tags: list[str]) -> list[str]:
    return list(dict.fromkeys(tags))


Text = Annotated[str, Field(max_length=TEXT_LENGTH), AfterValidator(without_nul)]
"""A text that PostgreSQL can store."""

Name = Annotated[str, Field(max_length=NAME_LENGTH, pattern="^[^/%&><]+$"), AfterValidator(without_nul)]
"""A name, with Prefect's rules: not empty, and without characters that have a meaning in URLs."""

PathName = Annotated[str, AfterValidator(without_nul)]
"""A name in a URL path. Text that breaks the rules of names is simply not found (404). Only NUL is an error (422)."""

Object = Annotated[JsonObject, AfterValidator(not_too_deep)]
"""A JSON object of limited depth. PostgreSQL refuses values that JSONB lacks, such as NUL characters and infinity."""

Tag = Annotated[str, Field(max_length=NAME_LENGTH), AfterValidator(without_nul)]
Tags = Annotated[BoundedList[Tag], AfterValidator(_without_repeats)]
"""Tags in the order of the request, without duplicates."""

Labels = Annotated[dict[Tag, StrictBool | StrictInt | StrictFloat | Tag], BeforeValidator(with_few_keys)]
"""Labels: a text, number or boolean for each key."""

Count = Annotated[int, Field(ge=0, le=INTEGER_MAX), WHOLE]
"""A number of things, from 0 to the highest value of PostgreSQL's `integer`."""


class Query(BaseModel):
    """The body of a list route. Unknown keys are ignored and null means the default, because clients send both."""

    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True)

    @model_validator(mode="before")
    @classmethod
    def _null_is_default(cls, data: Any) -> Any:
        if data is None:
            return {}
        if isinstance(data, dict):
            return {key: value for key, value in data.items() if value is not None}
        return data

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Return the JSON Schema, in which null is accepted wherever it means the default."""
        schema = handler(core_schema)
        accept_null(handler.resolve_ref_schema(schema), as_a_whole=True)
        return schema


def check_limit(limit: int, highest: int = LIST_LIMIT) -> None:
    """Check that `limit` is not above `highest`.

    Raises:
        InvalidRequest: it is above. The text is Prefect's.
    """
    if limit > highest:
        raise InvalidRequest(f"Invalid limit: must be less than or equal to {highest}.")


class _Limited(Query):
    limit: Annotated[int, Field(ge=0, json_schema_extra={"maximum": LIST_LIMIT}), WHOLE] = LIST_LIMIT

    @model_validator(mode="after")
    def _within_limit(self) -> Self:
        # pydantic does not wrap this error, so the response has Prefect's format for it.
        check_limit(self.limit)
        return self


class Paging(_Limited):
    """A part of a list: at most `limit` rows, after skipping the first `offset` rows."""

    model_config = example(PAGING)

    offset: Count = 0


class PageNumber(_Limited):
    """A page of a list, with at most `limit` rows. The first page has the number 1."""

    model_config = example(PAGE)

    page: Annotated[int, Field(ge=1, le=INTEGER_MAX), WHOLE] = 1

    @property
    def offset(self) -> int:
        """The number of rows on the previous pages."""
        return (self.page - 1) * self.limit

    def pages_of(self, count: int) -> int:
        """Return how many pages `count` rows need, or 0 if `limit` is 0."""
        return -(-count // self.limit) if self.limit else 0


class ResourceResponse(BaseModel):
    """The fields that the responses of all resources have. It can be built from a row object."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    created: datetime
    updated: datetime


class Deleted(BaseModel):
    """The ids of the resources that a request deleted."""

    deleted: list[UUID]
