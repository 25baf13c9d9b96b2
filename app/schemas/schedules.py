"""The schedules of a deployment, in requests and responses."""

import re
from datetime import UTC, datetime
from functools import lru_cache
from typing import Annotated, Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo, available_timezones

from croniter import croniter
from dateutil.rrule import rrulestr
from pydantic import AfterValidator, BaseModel, Field, StrictBool, StrictFloat

from app.postgres.base import JsonObject
from app.schemas.bodies import WireModel
from app.schemas.examples import SCHEDULE, SCHEDULE_CHANGES, example
from app.schemas.numbers import WHOLE
from app.schemas.shared import INTEGER_MAX, Object, Tag, Text
from app.schemas.times import UtcTime

DEFAULT_ANCHOR: Final = datetime(2020, 1, 1, tzinfo=UTC)
"""The default anchor of an interval. It is constant, so equal requests give equal schedules."""

RANDOM_FIELD: Final = re.compile(r"(?<![a-z])[hr](?![a-z])", re.IGNORECASE)
"""A hashed (`H`) or random (`R`) field. A name such as `THU` or `MAR` is none."""
RRULE_LENGTH: Final = 6500
LONGEST_INTERVAL_SECONDS: Final = 100 * 366 * 86400.0


@lru_cache
def _timezones() -> frozenset[str]:
    # Reading the names takes 10 ms, because each call of the library reads a directory and opens its files.
    return frozenset(available_timezones())


def _known_timezone(name: str) -> str:
    if name not in _timezones():
        raise ValueError("Must be an IANA time zone, such as 'UTC' or 'Europe/Berlin'.")
    return name


def _valid_cron(text: str) -> str:
    # Prefect's limits: no seconds, no years. Hashed (H) and random (R) fields would mean another time in each process.
    if len(text.split()) != 5 or RANDOM_FIELD.search(text) or not croniter.is_valid(text):
        raise ValueError("Must be a cron expression with five fields, such as '0 3 * * *'.")
    return text


def _zone(name: str) -> ZoneInfo:
    """Return the zone of a `TZID`. Without this, dateutil would take the text for the path of a file, and open it."""
    return ZoneInfo(_known_timezone(name))


def _valid_rrule(text: str) -> str:
    try:
        rrulestr(text, tzids=_zone)
    except Exception as error:
        # dateutil does not validate its input. An invalid text may raise anything, for example IndexError.
        raise ValueError("Must be an RFC 5545 recurrence rule, such as 'FREQ=DAILY;COUNT=3'.") from error
    return text


TimeZone = Annotated[str, Field(json_schema_extra={"format": "timezone"}), AfterValidator(_known_timezone)]


class CronSchedule(WireModel):
    """Runs at the times of a cron expression with five fields."""

    cron: Annotated[Text, Field(max_length=200, json_schema_extra={"format": "cron"}), AfterValidator(_valid_cron)]
    timezone: TimeZone | None = None
    day_or: StrictBool = True


class IntervalSchedule(WireModel):
    """Runs every `interval` seconds, counted from `anchor_date`."""

    interval: Annotated[StrictFloat, Field(gt=0, le=LONGEST_INTERVAL_SECONDS)]
    anchor_date: UtcTime = DEFAULT_ANCHOR
    timezone: TimeZone | None = None


class RRuleSchedule(WireModel):
    """Runs at the times of an RFC 5545 recurrence rule."""

    rrule: Annotated[
        Text, Field(max_length=RRULE_LENGTH, json_schema_extra={"format": "rrule"}), AfterValidator(_valid_rrule)
    ]
    timezone: TimeZone | None = "UTC"


Schedule = CronSchedule | IntervalSchedule | RRuleSchedule


class ScheduleCreate(WireModel):
    """A schedule to add. Prefect ignores `replaces` in a new schedule, and so does this API."""

    model_config = example(SCHEDULE)

    schedule: Schedule
    active: StrictBool = True
    max_scheduled_runs: Annotated[int, Field(gt=0, le=INTEGER_MAX), WHOLE] | None = None
    parameters: Object = Field(default_factory=dict)
    slug: Tag | None = None
    replaces: Tag | None = None

    def content(self) -> JsonObject:
        """Return the JSON to store, without the id. The order of the keys is always the same."""
        return self.model_dump(mode="json", exclude={"replaces"})


class ScheduleUpdate(WireModel):
    """Changes to one schedule. Omitted fields stay unchanged, and so do those that are null.

    `replaces` is the slug of the stored schedule to change; then `slug` is its new slug.
    """

    model_config = example(SCHEDULE_CHANGES)

    schedule: Schedule | None = None
    active: StrictBool | None = None
    max_scheduled_runs: Annotated[int, Field(gt=0, le=INTEGER_MAX), WHOLE] | None = None
    parameters: Object | None = None
    slug: Tag | None = None
    replaces: Tag | None = None

    def applied_to(self, stored: JsonObject) -> JsonObject:
        """Return the stored JSON with these changes.

        A stated `schedule` replaces the stored one as a whole. Only an interval without an anchor keeps the stored one:
        `prefect deploy` sends the current time as the anchor of a creation, and omits it in each later deploy.
        """
        stated = {field for field in self.model_fields_set - {"replaces"} if getattr(self, field) is not None}
        changed = {**stored, **self.model_dump(mode="json", include=stated)}
        if isinstance(self.schedule, IntervalSchedule) and "anchor_date" not in self.schedule.model_fields_set:
            anchor = {key: value for key, value in stored["schedule"].items() if key == "anchor_date"}
            changed["schedule"] |= anchor
        return changed


class ScheduleResponse(BaseModel):
    """A schedule of a deployment. `created` and `updated` are those of the deployment."""

    id: UUID
    created: datetime
    updated: datetime
    deployment_id: UUID
    schedule: dict[str, Any]
    active: bool
    max_scheduled_runs: int | None
    parameters: JsonObject
    slug: str | None
