"""Requests for events and counts of events, and their responses. The filter has Prefect's format."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    StrictBool,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from app.schemas.bodies import MODEL_KEYS, with_few_keys
from app.schemas.bounds import BoundedList
from app.schemas.event import ReceivedEvent
from app.schemas.examples import EVENTS, example
from app.schemas.nulls import accept_null
from app.schemas.numbers import WHOLE
from app.schemas.times import UtcTime

DEFAULT_WINDOW: Final = timedelta(days=180)
DEFAULT_LIMIT: Final = 50
MAX_LIMIT: Final = 100
MAX_FILTER_BYTES: Final = 32 * 1024
"""The URL of the next page contains the filter, and web servers accept URLs of up to 64 KiB."""


def _storable(value: str) -> str:
    # PostgreSQL stores neither. pydantic accepts half a surrogate pair in the keys of a dictionary.
    if "\x00" in value or any("\ud800" <= char <= "\udfff" for char in value):
        raise ValueError("a text must not contain NUL characters or half a surrogate pair")
    return value


FilterText = Annotated[str, AfterValidator(_storable)]

Labels = Annotated[dict[FilterText, FilterText | BoundedList[FilterText]], BeforeValidator(with_few_keys)]
"""The values that each label may have. `*` matches any characters, `?` one; a leading `!` excludes the value."""


class Body(BaseModel):
    """A part of a request. A key with the value null is the same as an omitted key."""

    model_config = ConfigDict(frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _drop_nulls(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        with_few_keys(value, MODEL_KEYS)
        return {key: entry for key, entry in value.items() if entry is not None or key not in cls.model_fields}

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Return the JSON Schema, in which every optional key may be null."""
        schema = handler(core_schema)
        accept_null(handler.resolve_ref_schema(schema), as_a_whole=False)
        return schema


class FilterPart(Body):
    """A part of a filter. Unknown keys are an error. An empty list matches every event."""

    model_config = ConfigDict(extra="forbid")


class OccurredFilter(FilterPart):
    """Events from `since` (default: 180 days ago) to `until` (default: no end), both inclusive."""

    # Prefect's default for `until` is now, by the clock of the API. Here PostgreSQL sets the times of events, and its
    # clock may be ahead. With that default, an event that is already in the log might not be found.
    since: UtcTime = Field(default_factory=lambda: datetime.now(UTC) - DEFAULT_WINDOW)
    until: UtcTime | None = None


class NameFilter(FilterPart):
    """Events whose name starts with one of `prefix` and is one of `name`, and that no `exclude_` list matches."""

    prefix: BoundedList[FilterText] = []
    exclude_prefix: BoundedList[FilterText] = []
    name: BoundedList[FilterText] = []
    exclude_name: BoundedList[FilterText] = []


class ResourceFilter(FilterPart):
    """Events of these resources. With `distinct`, only the latest matching event of each resource."""

    id: BoundedList[FilterText] = []
    id_prefix: BoundedList[FilterText] = []
    labels: Labels = {}
    distinct: StrictBool = False


class RelatedFilter(FilterPart):
    """Events with at least one related resource that matches every field. `resources_in_roles` has [id, role] pairs."""

    id: BoundedList[FilterText] = []
    role: BoundedList[FilterText] = []
    resources_in_roles: BoundedList[tuple[FilterText, FilterText]] = []
    labels: Labels = {}


class AnyResourceFilter(FilterPart):
    """Events whose own resource, or one of their related resources, matches every field."""

    id: BoundedList[FilterText] = []
    id_prefix: BoundedList[FilterText] = []
    labels: Labels = {}


class IdFilter(FilterPart):
    """Events with one of these ids."""

    id: BoundedList[UUID] = []


class TextFilter(FilterPart):
    """Events whose text contains one of the words, every `+word`, and no `-word`. `"a phrase"` counts as one word."""

    query: Annotated[str, Field(max_length=200), AfterValidator(_storable)]


class EventFilter(FilterPart):
    """Events to select: those that match every part, and every entry of a list in `related` or `any_resource`."""

    occurred: OccurredFilter = Field(default_factory=OccurredFilter)
    event: NameFilter = NameFilter()
    resource: ResourceFilter = ResourceFilter()
    related: RelatedFilter | BoundedList[RelatedFilter] = []
    any_resource: AnyResourceFilter | BoundedList[AnyResourceFilter] = []
    id: IdFilter = IdFilter()
    text: TextFilter | None = None
    order: Literal["ASC", "DESC"] = "DESC"

    @model_validator(mode="after")
    def _fits_into_a_url(self) -> "EventFilter":
        if len(self.as_json().encode()) > MAX_FILTER_BYTES:
            raise ValueError(f"the filter is larger than {MAX_FILTER_BYTES} bytes: use several smaller filters")
        return self

    def as_json(self) -> str:
        """Return the filter as JSON, without default values. The time of the default `since` is included."""
        return self.model_dump_json(exclude_defaults=True)


class EventsQuery(Body):
    """A request for events. With `limit` 0, only the total is returned."""

    model_config = example(EVENTS)

    filter: EventFilter = Field(default_factory=EventFilter)
    limit: Annotated[int, Field(ge=0, le=MAX_LIMIT), WHOLE] = DEFAULT_LIMIT


class EventPage(BaseModel):
    """A page of events, and the URL of the next page, or null.

    `total` is the number of all matching events. If `total_is_exact` is false, there are at least so many.
    """

    events: list[ReceivedEvent]
    total: int
    total_is_exact: bool
    next_page: str | None
