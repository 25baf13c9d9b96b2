"""Requests for counts of events, and their responses."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, Field, StrictFloat

from app.schemas.event_queries import Body, EventFilter
from app.schemas.examples import EVENT_COUNTS, example


class Countable(StrEnum):
    """The property that events are counted by."""

    DAY = "day"
    TIME = "time"
    EVENT = "event"
    RESOURCE = "resource"


class TimeUnit(StrEnum):
    """The unit of `time_interval`."""

    WEEK = "week"
    DAY = "day"
    HOUR = "hour"
    MINUTE = "minute"
    SECOND = "second"

    @property
    def length(self) -> timedelta:
        """The length of one unit."""
        return timedelta(**{f"{self.value}s": 1})


class CountQuery(Body):
    """A request for counts of events. `time_unit` and `time_interval` are used only when counting by `time`."""

    model_config = example(EVENT_COUNTS)

    filter: EventFilter
    time_unit: TimeUnit = TimeUnit.DAY
    time_interval: Annotated[StrictFloat, Field(ge=0.01, allow_inf_nan=False)] = 1.0


class EventCount(BaseModel):
    """The number of events with one value.

    For a count by day or time, `start_time` and `end_time` are the bounds of the bucket. Otherwise they are the times
    of the first and the last event.
    """

    value: str
    label: str
    count: int
    start_time: datetime
    end_time: datetime
