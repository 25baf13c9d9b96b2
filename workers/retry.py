"""The retry schedule of a snapshot that could not be dispatched: constants and a pure function."""

from typing import Final

FIRST_DELAY_SECONDS: Final = 2.0
LONGEST_DELAY_SECONDS: Final = 300.0
ATTEMPTS: Final = 10
"""Failures before a snapshot is parked, which takes six to fourteen minutes with these delays."""


def next_delay(attempt: int, jitter: float) -> float | None:
    """Return the seconds to wait after failure number `attempt` (counted from 1), or None to park the snapshot.

    The delay doubles with each failure up to a limit. `jitter`, from 0 to 1, spreads it between half and all of that,
    so that snapshots that failed together are not retried together.
    """
    if attempt >= ATTEMPTS:
        return None
    # The exponent is limited too, because a float cannot hold 2 to the power of any attempt number.
    longest = min(FIRST_DELAY_SECONDS * float(2 ** min(attempt - 1, 16)), LONGEST_DELAY_SECONDS)
    return longest * (0.5 + jitter / 2)
