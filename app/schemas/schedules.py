"""The schedules of a deployment, as they come and go on the wire."""

from datetime import UTC, datetime
from typing import Annotated, Any, Final
from uuid import UUID
from zoneinfo import available_timezones

from croniter import croniter
from dateutil.rrule import rrulestr
from pydantic import AfterValidator, BaseModel, Field

from app.postgres.engine import JsonObject
from app.schemas.shared import INTEGER_MAX, Object, Tag, Text, UtcTime, WireModel

DEFAULT_ANCHOR: Final = datetime(2020, 1, 1, tzinfo=UTC)
"""Where an interval counts from when no anchor is given. Fixed, so that the same request is the same schedule."""

RRULE_LENGTH: Final = 6500
LONGEST_INTERVAL_SECONDS: Final = 100 * 366 * 86400.0


def _known_timezone(name: str) -> str:
    if name not in available_timezones():
        raise ValueError("This is not an IANA time zone, such as 'UTC' or 'Europe/Berlin'.")
    return name


def _valid_cron(text: str) -> str:
    # Prefect's own limits: seconds, years, hashed and random fields mean different times in different processes.
    if len(text.split()) != 5 or not croniter.is_valid(text) or "R" in text.split() or "H" in text:
        raise ValueError("This is not a cron expression of five fields, such as '0 3 * * *'.")
    return text


def _valid_rrule(text: str) -> str:
    try:
        rrulestr(text)
    except Exception as error:
        # dateutil does not check what it reads: a stranger's text makes it fail in any way, with IndexError for one.
        raise ValueError("This is not an RFC 5545 recurrence rule, such as 'FREQ=DAILY;COUNT=3'.") from error
    return text


TimeZone = Annotated[str, AfterValidator(_known_timezone)]


class CronSchedule(WireModel):
    """Runs at the times that a cron expression names."""

    cron: Annotated[Text, Field(max_length=200), AfterValidator(_valid_cron)]
    timezone: TimeZone | None = None
    day_or: bool = True


class IntervalSchedule(WireModel):
    """Runs every `interval` seconds, counted from `anchor_date`."""

    interval: Annotated[float, Field(gt=0, le=LONGEST_INTERVAL_SECONDS)]
    anchor_date: UtcTime = DEFAULT_ANCHOR
    timezone: TimeZone | None = None


class RRuleSchedule(WireModel):
    """Runs at the times of an RFC 5545 recurrence rule."""

    rrule: Annotated[Text, Field(max_length=RRULE_LENGTH), AfterValidator(_valid_rrule)]
    timezone: TimeZone | None = "UTC"


Schedule = CronSchedule | IntervalSchedule | RRuleSchedule


class ScheduleCreate(WireModel):
    """A schedule to add. `replaces` is the slug of an existing one that takes this one's place and slug."""

    schedule: Schedule
    active: bool = True
    max_scheduled_runs: Annotated[int, Field(gt=0, le=INTEGER_MAX)] | None = None
    parameters: Object = Field(default_factory=dict)
    slug: Tag | None = None
    replaces: Tag | None = None

    def content(self) -> JsonObject:
        """Return what is stored of it, but for its id; the order of the keys is fixed."""
        return self.model_dump(mode="json", exclude={"replaces"})


class ScheduleUpdate(WireModel):
    """Changes to one schedule; what is left out stays."""

    schedule: Schedule | None = None
    active: bool | None = None
    max_scheduled_runs: Annotated[int, Field(gt=0, le=INTEGER_MAX)] | None = None
    parameters: Object | None = None
    slug: Tag | None = None
    replaces: Tag | None = None

    def changes(self) -> JsonObject:
        """Return the stored keys to replace. Null clears a bound or a slug; elsewhere it says nothing."""
        given = self.model_dump(mode="json", exclude_unset=True, exclude={"replaces"})
        clearable = {"max_scheduled_runs", "slug"}
        return {key: value for key, value in given.items() if value is not None or key in clearable}


class ScheduleResponse(BaseModel):
    """A schedule of a deployment. Its times are the deployment's: a schedule is a part of its row."""

    id: UUID
    created: datetime
    updated: datetime
    deployment_id: UUID
    schedule: dict[str, Any]
    active: bool
    max_scheduled_runs: int | None
    parameters: JsonObject
    slug: str | None
