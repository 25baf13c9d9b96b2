"""The allowed fields of an event filter."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from app.schemas.event_queries import DEFAULT_WINDOW, MAX_FILTER_BYTES, EventFilter, EventsQuery, RelatedFilter


@pytest.mark.parametrize(
    "unknown",
    [
        {"events": {}},
        {"event": {"names": ["a"]}},
        {"resource": {"labels": {}, "role": ["flow"]}},
        {"related": [{"id_prefix": ["a"]}]},
        {"any_resource": {"role": ["flow"]}},
        {"text": {"query": "a", "mode": "all"}},
        {"occurred": {"before": None}},
    ],
)
def test_an_unknown_key_is_refused_in_every_part(unknown: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="not permitted"):
        EventFilter.model_validate(unknown)


def test_null_is_the_same_as_a_missing_key() -> None:
    nulls = dict.fromkeys(EventFilter.model_fields)
    known = {"occurred": {"since": datetime(2026, 1, 1, tzinfo=UTC)}}
    assert EventFilter.model_validate({**nulls, **known}) == EventFilter.model_validate(known)


def test_the_window_begins_180_days_ago_and_has_no_end() -> None:
    occurred = EventFilter().occurred
    assert abs(occurred.since - (datetime.now(UTC) - DEFAULT_WINDOW)) < timedelta(seconds=5)
    assert occurred.until is None


def test_a_time_without_a_zone_is_utc() -> None:
    event_filter = EventFilter.model_validate({"occurred": {"since": "2026-03-01T12:00:00"}})
    assert event_filter.occurred.since == datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_a_time_without_a_utc_equivalent_is_refused() -> None:
    with pytest.raises(ValidationError, match="out of range"):
        EventFilter.model_validate({"occurred": {"since": "0001-01-01T00:00:00+14:00"}})


@pytest.mark.parametrize("text", ["a\x00b", "a\ud800b"])
@pytest.mark.parametrize("place", ["id", "label", "value", "query"])
def test_a_text_that_the_database_cannot_store_is_refused(place: str, text: str) -> None:
    bodies: dict[str, dict[str, Any]] = {
        "id": {"related": {"resources_in_roles": [[text, "flow"]]}},
        "label": {"resource": {"labels": {text: "a"}}},
        "value": {"resource": {"labels": {"a": [text]}}},
        "query": {"text": {"query": text}},
    }
    with pytest.raises(ValidationError):
        EventFilter.model_validate(bodies[place])


def test_a_query_has_at_most_200_characters() -> None:
    EventFilter.model_validate({"text": {"query": "a" * 200}})
    with pytest.raises(ValidationError, match="200 characters"):
        EventFilter.model_validate({"text": {"query": "a" * 201}})


def test_a_filter_that_is_too_large_for_a_url_is_refused() -> None:
    EventFilter.model_validate({"resource": {"id": ["a" * (MAX_FILTER_BYTES - 200)]}})
    with pytest.raises(ValidationError, match="larger than 32768 bytes"):
        EventFilter.model_validate({"resource": {"id": ["a" * MAX_FILTER_BYTES]}})


def test_a_single_related_filter_needs_no_list() -> None:
    assert EventFilter.model_validate({"related": {"id": ["a"]}}).related == RelatedFilter(id=["a"])


@pytest.mark.parametrize("limit", [-1, 101, 1000])
def test_a_limit_outside_0_to_100_is_refused(limit: int) -> None:
    with pytest.raises(ValidationError, match="limit"):
        EventsQuery.model_validate({"limit": limit})


def test_a_limit_of_null_is_the_default() -> None:
    assert EventsQuery.model_validate({"limit": None, "filter": None}).limit == 50


def test_keys_beside_the_filter_are_ignored() -> None:
    assert EventsQuery.model_validate({"offset": 3}).limit == 50
