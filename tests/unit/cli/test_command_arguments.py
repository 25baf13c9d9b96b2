"""Times, kinds and names in command-line arguments."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
import typer

from app.capture.kinds import DEPLOYMENT, KINDS, kind_of
from app.cli.events.showing import parse_event
from app.cli.names import parse_kind, parse_name
from app.cli.outbox.parked import parse_snapshot
from app.cli.times import NOW, format_time, parse_time, time_on_day
from app.log.names import ResourceName


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2026-11-23", datetime(2026, 11, 23, tzinfo=UTC)),
        ("2026-11-23T15:44", datetime(2026, 11, 23, 15, 44, tzinfo=UTC)),
        ("2026-11-23 15:44:19.284", datetime(2026, 11, 23, 15, 44, 19, 284000, tzinfo=UTC)),
        ("2026-11-23T15:44:19Z", datetime(2026, 11, 23, 15, 44, 19, tzinfo=UTC)),
        ("2026-11-23T15:44+02:00", datetime(2026, 11, 23, 13, 44, tzinfo=UTC)),
        (" now ", NOW),
    ],
)
def test_a_time_without_a_zone_is_read_as_utc(text: str, time: datetime) -> None:
    assert parse_time(text) == time


@pytest.mark.parametrize(
    ("text", "age"),
    [
        ("90s", timedelta(seconds=90)),
        ("15m", timedelta(minutes=15)),
        ("2h ago", timedelta(hours=2)),
        ("3d", timedelta(days=3)),
        ("1w", timedelta(weeks=1)),
        ("1d12h", timedelta(hours=36)),
        ("1d 12h ago", timedelta(hours=36)),
    ],
)
def test_an_age_is_counted_back_from_now(text: str, age: timedelta) -> None:
    before = datetime.now(UTC)
    assert before - age <= parse_time(text) <= datetime.now(UTC) - age


TUESDAY: datetime = datetime(2026, 12, 1, 13, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("day", "clock", "time"),
    [
        ("friday", "17:00", "2026-11-27T17:00Z"),
        ("tuesday", "12:59", "2026-12-01T12:59Z"),
        ("tuesday", "13:01", "2026-11-24T13:01Z"),
        ("wednesday", "0:00", "2026-11-25T00:00Z"),
        ("monday", "9:00", "2026-11-30T09:00Z"),
        ("yesterday", "17:00", "2026-11-30T17:00Z"),
        ("today", "9:00", "2026-12-01T09:00Z"),
        ("today", "17:00", "2026-12-01T17:00Z"),
        ("friday", "17:00+02:00", "2026-11-27T15:00Z"),
        ("today", "9:00+12:00", "2026-12-01T21:00Z"),
        ("today", "1:00-02:00", "2026-12-01T03:00Z"),
    ],
)
def test_a_day_and_a_time_are_the_latest_such_moment(day: str, clock: str, time: str) -> None:
    assert time_on_day(day, clock, TUESDAY) == datetime.fromisoformat(time)


@pytest.mark.parametrize("text", ["friday 17:00", "Friday 9:00", "friday", "yesterday  17:00", "sunday 17:00:30Z"])
def test_a_weekday_is_a_time_in_the_past(text: str) -> None:
    assert datetime.now(UTC) - timedelta(days=8) < parse_time(text) <= datetime.now(UTC)


@pytest.mark.parametrize(
    "text", ["friday 25:00", "friday x", "today 9:99", "friday17:00", "someday 9:00", "friday 17:"]
)
def test_an_invalid_time_of_a_day_is_refused(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="Not a time"):
        parse_time(text)


@pytest.mark.parametrize(
    "text",
    ["", "h", "2", "2y", "-2h", "ago", "2h later", "2026-13-01", "tomorrow", "99999999999w", "0001-01-01T00:00+12:00"],
)
def test_an_invalid_time_is_refused(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="Not a time"):
        parse_time(text)


def test_a_time_is_shown_in_utc() -> None:
    assert format_time(parse_time("2026-11-23T15:44:19.284999+02:00")) == "2026-11-23T13:44:19.284Z"
    assert format_time(NOW) == "now"


def test_a_name_without_a_kind_is_that_of_a_deployment() -> None:
    assert parse_name("etl/nightly") == ResourceName(DEPLOYMENT, "nightly", "etl")
    assert parse_name("etl/") == ResourceName(DEPLOYMENT, "", "etl")
    assert parse_name("my:flow/nightly") == ResourceName(DEPLOYMENT, "nightly", "my:flow")
    assert parse_name("deployment:etl/nightly") == ResourceName(DEPLOYMENT, "nightly", "etl")


def test_with_an_explicit_kind_the_whole_text_is_the_name() -> None:
    assert parse_name("deployment:etl/nightly", DEPLOYMENT) == ResourceName(DEPLOYMENT, "nightly", "deployment:etl")


def test_a_name_that_is_unique_within_its_kind_needs_no_owner() -> None:
    assert parse_name("a/b:c", KINDS["work-pool"]) == ResourceName(KINDS["work-pool"], "a/b:c")
    assert parse_name("pool/queue", KINDS["work-queue"]) == ResourceName(KINDS["work-queue"], "queue", "pool")


@pytest.mark.parametrize("text", ["nightly", "deployment:nightly"])
def test_a_deployment_without_its_flow_is_refused(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="flow/deployment"):
        parse_name(text)


def test_an_unknown_kind_before_a_colon_is_reported_as_such() -> None:
    with pytest.raises(typer.BadParameter, match=r"Choose one of: .*work-pool"):
        parse_name("pool:local")


@pytest.mark.parametrize("text", ["block-document", "deployments", ""])
def test_a_kind_without_events_is_refused_with_the_list_of_kinds(text: str) -> None:
    with pytest.raises(typer.BadParameter, match=r"Choose one of: .*deployment"):
        parse_kind(text)


def test_the_owner_within_which_a_name_is_unique_follows_from_the_tables() -> None:
    owners = {kind.name: kind.owner.kind for kind in KINDS.values() if kind.owner is not None}
    assert owners == {"deployment": "flow", "work-queue": "work-pool"}


def test_a_resource_id_contains_its_kind() -> None:
    for kind in KINDS.values():
        assert kind_of(kind.resource_id(UUID(int=7))) == (kind, UUID(int=7))
    for other in ("prefect.deployment.1", "my.deployment.00000000-0000-0000-0000-000000000007", "x", "prefect."):
        assert kind_of(other) is None


def test_an_event_is_identified_by_its_id_or_position() -> None:
    assert parse_event("17") == 17
    assert parse_event(str(UUID(int=17))) == UUID(int=17)
    for other in ("", "-1", "1e3", "²", "9" * 19, "nightly"):
        with pytest.raises(typer.BadParameter, match="Neither"):
            parse_event(other)


def test_a_snapshot_is_identified_by_its_whole_id() -> None:
    assert parse_snapshot(str(UUID(int=17))) == UUID(int=17)
    for other in ("", "17", "01a20914-5d54-7537-a2c1"):
        with pytest.raises(typer.BadParameter, match="`outbox parked` shows them") as refused:
            parse_snapshot(other)
        assert other == "" or other not in str(refused.value)
