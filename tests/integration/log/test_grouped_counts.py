"""Counting events by time, by name and by resource."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy.orm import Session, sessionmaker

from tests.integration.events_in_log import an_event, append

Sessions = sessionmaker[Session]

MONDAY = datetime(2026, 6, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


def _count(client: TestClient, by: str, **body: Any) -> list[dict[str, Any]]:
    answer = client.post(f"/events/count-by/{by}", json={"filter": {}, **body})
    assert answer.status_code == 200, answer.text
    counts: list[dict[str, Any]] = answer.json()
    return counts


def _window(since: datetime, until: datetime) -> dict[str, Any]:
    return {"occurred": {"since": since.isoformat(), "until": until.isoformat()}}


def test_every_bucket_of_the_window_is_returned_even_if_empty(client: TestClient, sessions: Sessions) -> None:
    append(sessions, *(an_event(occurred=MONDAY + HOUR * hours) for hours in (0.5, 0.75, 2)))
    counts = _count(client, "time", filter=_window(MONDAY, MONDAY + HOUR * 3.5), time_unit="hour")
    assert [(count["value"], count["label"], count["count"]) for count in counts] == [
        ("0", "2026-06-01T00:00:00+00:00", 2),
        ("1", "2026-06-01T01:00:00+00:00", 0),
        ("2", "2026-06-01T02:00:00+00:00", 1),
        ("3", "2026-06-01T03:00:00+00:00", 0),
    ]


@pytest.mark.parametrize(("minutes", "buckets"), [(0, 0), (1, 1), (60, 1), (61, 2), (120, 2)])
def test_a_bucket_that_begins_at_the_end_of_the_window_is_not_returned(
    client: TestClient, minutes: int, buckets: int
) -> None:
    until = MONDAY + timedelta(minutes=minutes)
    assert len(_count(client, "time", filter=_window(MONDAY, until), time_unit="hour")) == buckets


@pytest.mark.parametrize("unit", ["week", "day", "hour", "minute"])
def test_a_window_that_ends_in_the_future_is_cut_at_the_end_of_the_current_unit(client: TestClient, unit: str) -> None:
    now = datetime.now(UTC)
    counts = _count(client, "time", filter=_window(now - HOUR, now + 1000 * HOUR), time_unit=unit)
    last = datetime.fromisoformat(counts[-1]["end_time"])
    length = {"week": 168 * HOUR, "day": 24 * HOUR, "hour": HOUR, "minute": HOUR / 60}[unit]
    assert now <= last < datetime.now(UTC) + length


def test_a_bucket_has_its_first_and_last_instant(client: TestClient) -> None:
    [count] = _count(client, "time", filter=_window(MONDAY, MONDAY + HOUR), time_unit="week")
    assert count == {
        "value": "0",
        "label": "2026-06-01T00:00:00+00:00",
        "count": 0,
        "start_time": "2026-06-01T00:00:00Z",
        "end_time": "2026-06-07T23:59:59.999999Z",
    }


@pytest.mark.parametrize(
    ("unit", "interval", "seconds"), [("second", 0.5, 0.5), ("minute", 1.5, 90), ("day", 2, 172800)]
)
def test_the_interval_multiplies_the_unit(client: TestClient, unit: str, interval: float, seconds: float) -> None:
    until = MONDAY + timedelta(seconds=seconds * 3)
    counts = _count(client, "time", filter=_window(MONDAY, until), time_unit=unit, time_interval=interval)
    starts = [datetime.fromisoformat(count["start_time"]) for count in counts]
    assert {after - before for before, after in pairwise(starts)} == {timedelta(seconds=seconds)}


def test_the_last_instant_of_a_bucket_belongs_to_it(client: TestClient, sessions: Sessions) -> None:
    tick = timedelta(microseconds=1)
    append(sessions, *(an_event(occurred=MONDAY + moment) for moment in (-tick, 0 * tick, HOUR - tick, HOUR)))
    counts = _count(client, "time", filter=_window(MONDAY - HOUR, MONDAY + HOUR * 2), time_unit="hour")
    assert [count["count"] for count in counts] == [1, 2, 1]


def test_events_before_the_origin_of_the_buckets_are_counted(client: TestClient, sessions: Sessions) -> None:
    long_ago = datetime(2001, 2, 3, 4, 30, tzinfo=UTC)
    append(sessions, an_event(occurred=long_ago))
    [count] = _count(client, "time", filter=_window(long_ago, long_ago), time_unit="hour")
    assert (count["start_time"], count["count"]) == ("2001-02-03T04:00:00Z", 1)


def test_only_events_inside_the_window_are_counted(client: TestClient, sessions: Sessions) -> None:
    append(sessions, *(an_event(occurred=MONDAY + HOUR * hours) for hours in (0.1, 0.5, 0.9)))
    counts = _count(client, "time", filter=_window(MONDAY + HOUR * 0.2, MONDAY + HOUR * 0.8), time_unit="hour")
    assert [count["count"] for count in counts] == [1]


@pytest.mark.parametrize("unit", ["week", "day", "hour", "minute", "second"])
def test_counting_by_day_ignores_the_unit(client: TestClient, sessions: Sessions, unit: str) -> None:
    append(sessions, an_event(occurred=MONDAY + HOUR), an_event(occurred=MONDAY + HOUR * 25))
    window = _window(MONDAY, MONDAY + HOUR * 30)
    counts = _count(client, "day", filter=window, time_unit=unit, time_interval=3)
    assert [(count["label"][:10], count["count"]) for count in counts] == [("2026-06-01", 1), ("2026-06-02", 1)]


def test_a_window_without_an_end_ends_now(client: TestClient, sessions: Sessions) -> None:
    append(sessions, an_event(occurred=datetime.now(UTC)))
    counts = _count(client, "day")
    assert len(counts) in (181, 182)
    assert sum(count["count"] for count in counts) == 1


def test_a_window_that_ends_before_it_begins_has_no_buckets(client: TestClient) -> None:
    assert _count(client, "time", filter=_window(MONDAY, MONDAY - HOUR)) == []


@pytest.mark.parametrize(
    ("since", "until", "interval", "words"),
    [
        ("2026-06-01T00:00:00Z", "2026-06-01T00:16:41Z", 1, "1001 buckets"),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:01Z", 1e9, "calendar"),
        ("2026-06-01T00:00:00Z", "2026-06-01T00:00:01Z", 1e300, "too long"),
    ],
)
def test_impossible_buckets_are_refused_with_a_clear_message(
    client: TestClient, since: str, until: str, interval: float, words: str
) -> None:
    body = {
        "filter": {"occurred": {"since": since, "until": until}},
        "time_unit": "second",
        "time_interval": interval,
    }
    answer = client.post("/events/count-by/time", json=body)
    assert answer.status_code == 422
    assert words in answer.json()["detail"]


def test_a_thousand_buckets_are_allowed(client: TestClient) -> None:
    until = MONDAY + timedelta(seconds=1000)
    assert len(_count(client, "time", filter=_window(MONDAY, until), time_unit="second")) == 1000


def test_names_are_listed_by_descending_count(client: TestClient, sessions: Sessions) -> None:
    times = [datetime.now(UTC) - HOUR * hours for hours in (4, 3, 2, 1)]
    append(sessions, *(an_event(event=name, occurred=time) for name, time in zip("abab", times, strict=True)))
    append(sessions, an_event(event="b", occurred=times[3]))
    counts = _count(client, "event")
    assert [(count["value"], count["label"], count["count"]) for count in counts] == [("b", "b", 3), ("a", "a", 2)]
    assert datetime.fromisoformat(counts[1]["start_time"]) == times[0]
    assert datetime.fromisoformat(counts[1]["end_time"]) == times[2]


def test_a_resource_is_labelled_with_its_latest_name(client: TestClient, sessions: Sessions) -> None:
    append(
        sessions,
        an_event(resource_id="r1", name="old"),
        an_event(resource_id="r1", name="new"),
        an_event(resource_id="r2", name=None),
    )
    counts = _count(client, "resource")
    assert [(count["value"], count["label"], count["count"]) for count in counts] == [("r1", "new", 2), ("r2", "r2", 1)]


def test_only_matching_events_are_counted(client: TestClient, sessions: Sessions) -> None:
    append(sessions, an_event(event="a"), an_event(event="b"))
    for by in ("event", "resource", "day"):
        counts = _count(client, by, filter={"event": {"name": ["a"]}})
        assert sum(count["count"] for count in counts) == 1


def test_an_unknown_grouping_is_refused(client: TestClient) -> None:
    assert client.post("/events/count-by/colour", json={"filter": {}}).status_code == 422


@pytest.mark.parametrize("body", [None, {}, {"filter": None}, {"filter": {}, "time_unit": "year"}])
def test_a_malformed_request_is_refused(client: TestClient, body: Any) -> None:
    assert client.post("/events/count-by/day", json=body).status_code == 422


def test_an_interval_below_0_01_is_refused(client: TestClient) -> None:
    body = {"filter": {}, "time_interval": 0.009}
    assert client.post("/events/count-by/time", json=body).status_code == 422


@pytest.mark.parametrize("by", ["event", "resource"])
def test_too_many_groups_are_refused(
    by: str, client: TestClient, sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.log.grouped_counts.MAX_GROUPS", 2)
    append(sessions, *(an_event(event=f"e{number}", resource_id=f"r{number}") for number in range(3)))
    answer = client.post(f"/events/count-by/{by}", json={"filter": {"event": {"name": ["e0", "e1", "e2"]}}})
    assert answer.status_code == 422
    assert "more than 2 groups" in answer.json()["detail"]
    assert len(_count(client, by, filter={"event": {"name": ["e0", "e1"]}})) == 2
