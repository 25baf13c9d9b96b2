"""A value in a body has the JSON type that the OpenAPI document names. pydantic alone would convert more."""

from typing import Any

import pytest

from tests.world import World

POOL = {"name": "pool", "type": "process"}
INVALID = [
    ("/work_pools/", {**POOL, "concurrency_limit": "5"}),
    ("/work_pools/", {**POOL, "concurrency_limit": True}),
    ("/work_pools/", {**POOL, "concurrency_limit": 5.5}),
    ("/work_pools/", {**POOL, "is_paused": "true"}),
    ("/work_pools/", {**POOL, "is_paused": 1}),
    ("/flows/filter", {"limit": "5"}),
    ("/flows/paginate", {"page": True}),
    ("/events/filter", {"limit": "5"}),
    ("/events/filter", {"filter": {"occurred": {"since": 1_700_000_000}}}),
    ("/events/count-by/time", {"filter": {}, "time_interval": "1"}),
    ("/v2/concurrency_limits/", {"name": "limit", "limit": 1, "slot_decay_per_second": "0.5"}),
]


@pytest.mark.parametrize(("path", "body"), INVALID)
def test_a_value_of_another_type_is_refused(path: str, body: dict[str, Any], world: World) -> None:
    response = world.client.post(path, json=body)
    assert response.status_code == 422, response.text


def test_a_whole_number_can_be_written_with_a_decimal_point(world: World) -> None:
    response = world.client.post("/work_pools/", json={**POOL, "concurrency_limit": 5.0})
    assert response.status_code == 201
    assert response.json()["concurrency_limit"] == 5
