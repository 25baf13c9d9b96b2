"""What a reader of the event log asks for and gets: Prefect's filter, pages and counts."""

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from app.schemas.event import ReceivedEvent
from app.schemas.shared import UtcTime

DEFAULT_WINDOW: Final = timedelta(days=180)
DEFAULT_LIMIT: Final = 50
MAX_LIMIT: Final = 100
MAX_FILTER_BYTES: Final = 32 * 1024
"""A filter travels inside the URL of the next page, and web servers take URLs of up to 64 KiB."""


def _storable(value: str) -> str:
    # The database holds neither; pydantic lets half a surrogate pair pass in the keys of a dictionary.
    if "\x00" in value or any("\ud800" <= char <= "\udfff" for char in value):
        raise ValueError("a text must hold neither NUL characters nor halves of surrogate pairs")
    return value


FilterText = Annotated[str, AfterValidator(_storable)]
Time = UtcTime

Labels = dict[FilterText, FilterText | list[FilterText]]
"""Label values wanted, one or several: `*` stands for any characters, `?` for one, a leading `!` for none of these."""


class Body(BaseModel):
    """A part of a request in which null means the same as a key that is not given."""

    model_config = ConfigDict(frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _drop_nulls(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        return {key: entry for key, entry in value.items() if entry is not None or key not in cls.model_fields}


class FilterPart(Body):
    """A part of a filter: it refuses keys that it does not know. An empty list restricts nothing."""

    model_config = ConfigDict(extra="forbid")


class OccurredFilter(FilterPart):
    """Events from `since` (180 days ago when not given) to `until` (without an end when not given), both inclusive.

    Prefect's `until` is the API's clock when not given. The database gives the times here, and its clock may be
    ahead: an event must be readable as soon as it is in the log.
    """

    since: Time = Field(default_factory=lambda: datetime.now(UTC) - DEFAULT_WINDOW)
    until: Time | None = None


class NameFilter(FilterPart):
    """Events whose name starts with one of `prefix` and is one of `name`, and is none of the excluded."""

    prefix: list[FilterText] = []
    exclude_prefix: list[FilterText] = []
    name: list[FilterText] = []
    exclude_name: list[FilterText] = []


class ResourceFilter(FilterPart):
    """Events of these resources; with `distinct`, only the latest matching event of each resource."""

    id: list[FilterText] = []
    id_prefix: list[FilterText] = []
    labels: Labels = {}
    distinct: bool = False


class RelatedFilter(FilterPart):
    """Events with one related resource that has all of this; `resources_in_roles` are pairs of id and role."""

    id: list[FilterText] = []
    role: list[FilterText] = []
    resources_in_roles: list[tuple[FilterText, FilterText]] = []
    labels: Labels = {}


class AnyResourceFilter(FilterPart):
    """Events whose own resource, or one of its related resources, has all of this."""

    id: list[FilterText] = []
    id_prefix: list[FilterText] = []
    labels: Labels = {}


class IdFilter(FilterPart):
    """Events with one of these ids."""

    id: list[UUID] = []


class TextFilter(FilterPart):
    """Events whose text holds one of the words, each `+word`, and no `-word`; `"a phrase"` counts as a word."""

    query: Annotated[str, Field(max_length=200), AfterValidator(_storable)]


class EventFilter(FilterPart):
    """The events asked for: those that match every part. Several parts of one kind must all match."""

    occurred: OccurredFilter = Field(default_factory=OccurredFilter)
    event: NameFilter = NameFilter()
    resource: ResourceFilter = ResourceFilter()
    related: RelatedFilter | list[RelatedFilter] = []
    any_resource: AnyResourceFilter | list[AnyResourceFilter] = []
    id: IdFilter = IdFilter()
    text: TextFilter | None = None
    order: Literal["ASC", "DESC"] = "DESC"

    @model_validator(mode="after")
    def _fits_into_a_url(self) -> "EventFilter":
        if len(self.as_json().encode()) > MAX_FILTER_BYTES:
            raise ValueError(f"the filter is larger than {MAX_FILTER_BYTES} bytes: ask for less at once")
        return self

    def as_json(self) -> str:
        """Return the filter without what is default, but with the time that the default `since` stands for."""
        return self.model_dump_json(exclude_defaults=True)


class EventsQuery(Body):
    """The body of a request for events; a limit of 0 asks for the total only."""

    filter: EventFilter = Field(default_factory=EventFilter)
    limit: Annotated[int, Field(ge=0, le=MAX_LIMIT)] = DEFAULT_LIMIT


class EventPage(BaseModel):
    """Some events, how many match altogether (or at least so many), and the URL of the next page if there is one."""

    events: list[ReceivedEvent]
    total: int
    total_is_exact: bool
    next_page: str | None


class Countable(StrEnum):
    """What events can be counted by."""

    DAY = "day"
    TIME = "time"
    EVENT = "event"
    RESOURCE = "resource"


class TimeUnit(StrEnum):
    """The unit of a bucket's length."""

    WEEK = "week"
    DAY = "day"
    HOUR = "hour"
    MINUTE = "minute"
    SECOND = "second"

    @property
    def length(self) -> timedelta:
        """Return the length of one unit."""
        return timedelta(**{f"{self.value}s": 1})


class CountQuery(Body):
    """The body of a request for counts; unit and interval matter only when counting by time."""

    filter: EventFilter
    time_unit: TimeUnit = TimeUnit.DAY
    time_interval: Annotated[float, Field(ge=0.01, allow_inf_nan=False)] = 1.0


class EventCount(BaseModel):
    """How many events there are of one value; the times are the bucket's, or of the first and the last event."""

    value: str
    label: str
    count: int
    start_time: datetime
    end_time: datetime
