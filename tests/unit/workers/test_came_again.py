"""Whether a message was redelivered because its process died, or retried because the database was away."""

from typing import Any

import pytest
from celery.app.task import Context

from workers.tasks import came_again


@pytest.mark.parametrize(
    ("retries", "outages", "delivery_info", "expected"),
    [
        (0, 0, {}, False),
        (0, 0, None, False),
        (1, 1, {"redelivered": False}, False),
        (3, 3, {}, False),
        (1, 0, {}, True),
        (2, 1, {}, True),
        (0, 0, {"redelivered": True}, True),
    ],
)
def test_only_what_comes_again_without_an_outage_tells_of_a_death(
    retries: int, outages: int, delivery_info: Any, expected: bool
) -> None:
    assert came_again(Context(retries=retries, delivery_info=delivery_info), outages) is expected
