"""Parses and formats the times of the command line."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, time, timedelta
from typing import Final

import typer

NOW: Final = datetime.max.replace(tzinfo=UTC)
"""Stands for `now`: later than every event, whatever the clock of this machine says."""

UNITS: Final[Mapping[str, timedelta]] = {
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
}
DURATION: Final = r"(?P<parts>(?:\d+ *[smhdw] *)+)"
PART: Final = re.compile(r"(\d+) *([smhdw])")

DAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
DAY: Final = re.compile(rf"(?P<day>today|yesterday|{'|'.join(DAYS)})(?: +(?P<time>\d.*))?", re.IGNORECASE)

TIME_HELP: Final = (
    "Write 2026-11-23T15:44Z, a date, an age like 2h, a day like 'friday 17:00' or 'yesterday 9:00', or now; "
    "UTC unless it has an offset."
)
EXPIRY_HELP: Final = "Write 30d, 12h, 2027-01-31, or 2027-01-31T12:00Z; UTC unless it has an offset."


def parse_time(text: str) -> datetime:
    """Parse a time: ISO 8601, a date (its first moment), `now`, an age (`90s`, `2h ago`), or a day (`friday 17:00`).

    A time without an offset is in UTC. The name of a weekday means its latest day on which this time is in the past.

    Raises:
        BadParameter: the text is none of these, or its year is not between 1 and 9999.
    """
    text = text.strip()
    if text == "now":
        return NOW
    try:
        if day := DAY.fullmatch(text):
            return time_on_day(day["day"].lower(), day["time"] or "0:00", datetime.now(UTC))
        age = re.fullmatch(f"{DURATION}(?:ago)?", text)
        return _parse_moment(text) if age is None else datetime.now(UTC) - _duration(age["parts"])
    except (ValueError, OverflowError):
        raise typer.BadParameter(
            "Not a time. Write 2026-11-23T15:44:19Z, 2026-11-23, now, an age like 90s, 15m, 2h, 3d, 1w, 1d12h, "
            "or a day: 'friday 17:00', 'yesterday 17:00', 'today 9:00', friday."
        ) from None


def parse_expiry(text: str) -> datetime:
    """Parse a time in the future: ISO 8601, a date (its first moment), or a time from now (`30d`, `12h`).

    A time without an offset is in UTC.

    Raises:
        BadParameter: the text is none of these, or not in the future.
    """
    text = text.strip()
    now = datetime.now(UTC)
    try:
        duration = re.fullmatch(DURATION, text)
        time = _parse_moment(text) if duration is None else now + _duration(duration["parts"])
    except (ValueError, OverflowError):
        raise typer.BadParameter("Not a time. Write 30d, 12h, 2027-01-31, or 2027-01-31T12:00Z.") from None
    if time <= now:
        raise typer.BadParameter("This is not in the future. Times without an offset are in UTC.")
    return time


def _parse_moment(text: str) -> datetime:
    time = datetime.fromisoformat(text)
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)


def time_on_day(day: str, text: str, now: datetime) -> datetime:
    """Return the time on this day before `now`. With an offset, the day is the one at that offset."""
    clock = time.fromisoformat(text if text[1:2].isdigit() else f"0{text}")
    zone = clock.tzinfo or UTC
    today = datetime.combine(now.astimezone(zone), clock.replace(tzinfo=zone))
    if day in DAYS:
        ago = (today.weekday() - DAYS.index(day)) % 7
        moment = today - timedelta(days=ago if ago or today <= now else 7)
    else:
        moment = today - timedelta(days=int(day == "yesterday"))
    return moment.astimezone(UTC)


def _duration(parts: str) -> timedelta:
    return sum((int(number) * UNITS[unit] for number, unit in PART.findall(parts)), timedelta())


def format_time(time: datetime) -> str:
    """Format a time for the output: UTC, to the millisecond."""
    if time == NOW:
        return "now"
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
