"""Which schedules are valid."""

from typing import Any

import pytest
from pydantic import ValidationError

from app.schemas import schedules
from app.schemas.schedules import RRuleSchedule, ScheduleCreate


@pytest.mark.parametrize(
    "schedule",
    [
        {"cron": "0 3 * * *"},
        {"cron": "0 3 * MAR,APR THU,FRI"},
        {"rrule": "DTSTART;TZID=Europe/Berlin:20260101T000000\nRRULE:FREQ=DAILY"},
        {"cron": "*/5 9-17 * * MON-FRI", "timezone": "Europe/Berlin", "day_or": False},
        {"interval": 0.5},
        {"interval": 3600, "anchor_date": "2026-01-01T00:00:00", "timezone": "UTC"},
        {"rrule": "FREQ=DAILY;COUNT=3"},
        {"rrule": "DTSTART:20260101T000000Z\nRRULE:FREQ=WEEKLY", "timezone": None},
    ],
)
def test_a_valid_schedule_is_accepted(schedule: dict[str, Any]) -> None:
    content = ScheduleCreate.model_validate({"schedule": schedule}).content()
    assert content["schedule"].keys() >= schedule.keys()


@pytest.mark.parametrize(
    "schedule",
    [
        {},
        {"cron": "every day"},
        {"cron": "0 3 * *"},
        {"cron": "* * * * * *"},
        {"cron": "@hourly"},
        {"cron": "R * * * *"},
        {"cron": "R(0-5) * * * *"},
        {"cron": "R/5 * * * *"},
        {"cron": "0,R * * * *"},
        {"cron": "r * * * *"},
        {"cron": "H * * * *"},
        {"cron": "H(0-29)/10 * * * *"},
        {"cron": "h * * * *"},
        {"rrule": "DTSTART;TZID=/etc/passwd:20260101T000000\nRRULE:FREQ=DAILY"},
        {"rrule": "DTSTART;TZID=../../etc/localtime:20260101T000000\nRRULE:FREQ=DAILY"},
        {"rrule": "DTSTART;TZID=Mars/Olympus:20260101T000000\nRRULE:FREQ=DAILY"},
        {"cron": "0 3 * * *", "timezone": "Mars/Olympus"},
        {"cron": "0 3 * * *", "interval": 3},
        {"interval": 0},
        {"interval": -1},
        {"interval": 1e300},
        {"interval": "NaN"},
        {"rrule": "FREQ=SOMETIMES"},
        {"rrule": "x" * 7000},
        {"rrule": ""},
        {"rrule": "DTSTART;TZID=X:20200101"},
        {"rrule": "DTSTART:20200101T000000Z\nDTSTART:20210101T000000Z"},
        {"interval": 60, "anchor_date": "0001-01-01T00:00:00+14:00"},
        {"interval": 60, "anchor_date": "9999-12-31T23:59:59-14:00"},
    ],
)
def test_an_invalid_schedule_is_refused(schedule: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ScheduleCreate.model_validate({"schedule": schedule})


def test_an_interval_without_an_anchor_always_gets_the_same_anchor() -> None:
    first, second = (ScheduleCreate.model_validate({"schedule": {"interval": 60}}).content() for _ in range(2))
    assert first == second
    assert first["schedule"]["anchor_date"] == "2020-01-01T00:00:00Z"


def test_an_anchor_without_a_zone_is_utc_and_others_are_converted_to_utc() -> None:
    anchors = ["2026-01-01T00:00:00", "2026-01-01T01:00:00+01:00"]
    contents = [
        ScheduleCreate.model_validate({"schedule": {"interval": 60, "anchor_date": anchor}}).content()
        for anchor in anchors
    ]
    assert contents[0] == contents[1]


def test_a_recurrence_rule_opens_no_file(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    real = open

    def noting(file: Any, *arguments: Any, **named: Any) -> Any:
        opened.append(str(file))
        return real(file, *arguments, **named)

    monkeypatch.setattr("builtins.open", noting)
    with pytest.raises(ValidationError):
        RRuleSchedule(rrule="DTSTART;TZID=/etc/passwd:20260101T000000\nRRULE:FREQ=DAILY")
    assert [file for file in opened if "passwd" in file] == []


def test_the_names_of_the_time_zones_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    reads: list[int] = []

    def names() -> set[str]:
        reads.append(1)
        return {"UTC", "Europe/Berlin"}

    monkeypatch.setattr(schedules, "available_timezones", names)
    schedules._timezones.cache_clear()
    try:
        for schedule in ({"cron": "0 3 * * *"}, {"interval": 60}, {"rrule": "FREQ=DAILY"}):
            ScheduleCreate.model_validate({"schedule": {**schedule, "timezone": "Europe/Berlin"}})
    finally:
        schedules._timezones.cache_clear()
    assert len(reads) == 1
