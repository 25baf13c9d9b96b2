"""The retry schedule as a table."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.retry import ATTEMPTS, FIRST_DELAY_SECONDS, LONGEST_DELAY_SECONDS, next_delay


@pytest.mark.parametrize(
    ("attempt", "shortest", "longest"),
    [(1, 1, 2), (2, 2, 4), (3, 4, 8), (4, 8, 16), (5, 16, 32), (6, 32, 64), (7, 64, 128), (8, 128, 256), (9, 150, 300)],
)
def test_the_delay_doubles_and_jitter_shortens_it_by_at_most_half(
    attempt: int, shortest: float, longest: float
) -> None:
    assert next_delay(attempt, 0.0) == shortest
    assert next_delay(attempt, 1.0) == longest


def test_the_last_attempt_comes_after_six_to_fourteen_minutes() -> None:
    waits = [next_delay(attempt, 1.0) or 0 for attempt in range(1, ATTEMPTS)]
    assert sum(waits) / 2 >= 6 * 60
    assert sum(waits) <= 14 * 60


def test_the_last_attempt_parks() -> None:
    assert next_delay(ATTEMPTS - 1, 0.5) is not None
    assert next_delay(ATTEMPTS, 0.5) is None
    assert next_delay(ATTEMPTS + 1, 0.5) is None


@given(st.integers(1, ATTEMPTS - 1), st.floats(0, 1))
def test_a_delay_stays_within_its_bounds(attempt: int, jitter: float) -> None:
    delay = next_delay(attempt, jitter)
    assert delay is not None
    assert FIRST_DELAY_SECONDS / 2 <= delay <= LONGEST_DELAY_SECONDS
