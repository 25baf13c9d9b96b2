"""When a snapshot that could not be dispatched is tried again: data and a pure function."""

from typing import Final

FIRST_DELAY_SECONDS: Final = 2.0
LONGEST_DELAY_SECONDS: Final = 300.0
ATTEMPTS: Final = 10
"""Failures before a snapshot is parked: six to fourteen minutes of tries at the delays above."""


def next_delay(attempt: int, jitter: float) -> float | None:
    """Return the seconds to wait after failure number `attempt` (from 1), or None when it is to be parked.

    The delay doubles with each failure up to a bound. `jitter`, from 0 to 1, spreads it between half and all of
    that, so that snapshots that failed together are not tried together for ever.
    """
    if attempt >= ATTEMPTS:
        return None
    # The exponent is bounded as well, so that no attempt number makes a number too large to multiply.
    longest = min(FIRST_DELAY_SECONDS * float(2 ** min(attempt - 1, 16)), LONGEST_DELAY_SECONDS)
    return longest * (0.5 + jitter / 2)
