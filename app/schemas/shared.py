"""What the request and response bodies share: texts, names, tags, paging and the bases of the models.

The filters that routes combine (flows by deployment, and so on) stand in `app.schemas.filters`.
"""

from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar, Final, Self
from uuid import UUID

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    StrictFloat,
    StrictInt,
    model_validator,
)

from app.errors import InvalidRequest
from app.postgres.engine import JsonObject
from app.schemas.storable import not_too_deep, within_digits, without_nul

NAME_LENGTH: Final = 500
"""A unique index takes entries up to 2704 bytes, and a character of UTF-8 has up to four."""
TEXT_LENGTH: Final = 100_000
LIST_LIMIT: Final = 200
"""The most rows that one answer lists, and the number it lists unless told otherwise."""
INTEGER_MAX: Final = 2**31 - 1


def _in_utc(time: datetime) -> datetime:
    try:
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except OverflowError:
        # Year 1 begins east of Greenwich while it is 1 BC in UTC, which PostgreSQL stores and Python cannot read.
        raise ValueError("The time is out of range.") from None


def _without_repeats(tags: list[str]) -> list[str]:
    return list(dict.fromkeys(tags))


Text = Annotated[str, Field(max_length=TEXT_LENGTH), AfterValidator(without_nul)]
"""A text that PostgreSQL can store."""

Name = Annotated[str, Field(max_length=NAME_LENGTH, pattern="^[^/%&><]+$"), AfterValidator(without_nul)]
"""A name as Prefect has it: not empty, and without the characters that a path or a query would trip over."""

PathName = Annotated[str, AfterValidator(without_nul)]
"""A name in a path: whatever is no name is not found, and only what cannot be asked for is refused."""

Object = Annotated[JsonObject, AfterValidator(not_too_deep)]
"""A JSON object that can be stored and answered. PostgreSQL refuses what JSON lacks, such as NUL and infinity."""

Tag = Annotated[str, Field(max_length=NAME_LENGTH), AfterValidator(without_nul)]
Tags = Annotated[list[Tag], AfterValidator(_without_repeats)]
"""Tags in the order they were given, each once."""

Labels = dict[Tag, StrictBool | StrictInt | StrictFloat | Tag]
"""Labels: texts, numbers and booleans under text keys."""

UtcTime = Annotated[datetime, AfterValidator(_in_utc)]
"""A time in UTC, between the years 1 and 9999 there; one without a zone is taken for UTC."""

Count = Annotated[int, Field(ge=0, le=INTEGER_MAX)]
"""A number of things, within PostgreSQL's integer."""


class WireModel(BaseModel):
    """A body that creates or updates something, or a filter: an unknown key is an error, so a typo is not lost."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    @model_validator(mode="before")
    @classmethod
    def _within_digits(cls, data: Any) -> Any:
        return within_digits(data)

    def given(self) -> dict[str, Any]:
        """Return the fields that the request named, with Python values; a field left out is left alone."""
        return self.model_dump(exclude_unset=True)


class Changes(WireModel):
    """A body that changes something: a field that is left out stays, and null is for the `clearable` fields only."""

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


class Query(BaseModel):
    """The body of a list route: unknown keys are ignored and null stands for the default, as clients send both."""

    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True)

    @model_validator(mode="before")
    @classmethod
    def _null_is_default(cls, data: Any) -> Any:
        if data is None:
            return {}
        if isinstance(data, dict):
            return {key: value for key, value in data.items() if value is not None}
        return data


def check_limit(limit: int, highest: int = LIST_LIMIT) -> None:
    """Refuse a limit above the highest one.

    Raises:
        InvalidRequest: it is above; the text is the one that Prefect's clients know.
    """
    if limit > highest:
        raise InvalidRequest(f"Invalid limit: must be less than or equal to {highest}.")


class Paging(Query):
    """A list route's window: `limit` rows (200 at most, and by default) after the first `offset`."""

    limit: Annotated[int, Field(ge=0)] = LIST_LIMIT
    offset: Count = 0

    @model_validator(mode="after")
    def _within_limit(self) -> Self:
        # pydantic lets this error pass through as it is, so the answer has Prefect's shape for it.
        check_limit(self.limit)
        return self


class PageNumber(Query):
    """A paginate route's window: the page of that number, from 1, of `limit` rows."""

    limit: Annotated[int, Field(ge=0)] = LIST_LIMIT
    page: Annotated[int, Field(ge=1, le=INTEGER_MAX)] = 1

    @model_validator(mode="after")
    def _within_limit(self) -> Self:
        check_limit(self.limit)
        return self

    @property
    def offset(self) -> int:
        """The number of rows on the pages before."""
        return (self.page - 1) * self.limit

    def pages_of(self, count: int) -> int:
        """Return how many pages `count` rows fill; none fit on pages of no rows."""
        return -(-count // self.limit) if self.limit else 0


class ResourceResponse(BaseModel):
    """What every resource answers; it reads the attributes of a row."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    created: datetime
    updated: datetime
