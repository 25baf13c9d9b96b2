"""Whether a message was redelivered because its process died, or retried because the database was away."""

from typing import Any

import pytest
from celery.app.task import Context

from workers.tasks import was_redelivered


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
def test_only_a_redelivery_without_an_outage_indicates_a_death(
    retries: int, outages: int, delivery_info: Any, expected: bool
) -> None:
    assert was_redelivered(Context(retries=retries, delivery_info=delivery_info), outages) is expected
