"""The times in requests."""

import re
from datetime import UTC, datetime
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BeforeValidator

DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}")


def _begins_with_a_day(time: Any) -> Any:
    # pydantic would take a number for seconds or milliseconds, whichever seems likelier.
    if not isinstance(time, datetime) and not (isinstance(time, str) and DAY.match(time)):
        raise ValueError("Must be a time such as '2026-01-31T12:00:00Z'.")
    return time


def _in_utc(time: datetime) -> datetime:
    try:
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except OverflowError:
        # The first hours of year 1 in an eastern time zone are 1 BC in UTC. Python cannot represent that year.
        raise ValueError("The time is out of range.") from None


UtcTime = Annotated[datetime, BeforeValidator(_begins_with_a_day), AfterValidator(_in_utc)]
"""A time, converted to UTC. A time without a zone is taken as UTC. The year in UTC must be between 1 and 9999."""
