"""When a work pool, a work queue and a deployment count as ready: while somebody asks for their work."""

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final

POLL_MAXIMUM_SECONDS: Final = 60
"""What nobody asked for work for longer is not ready."""


class Readiness(StrEnum):
    """Whether a work pool or a work queue can take work, or a deployment has somebody to run it."""

    READY = "READY"
    NOT_READY = "NOT_READY"
    PAUSED = "PAUSED"


def readiness(ready: bool, paused: bool = False) -> Readiness:
    """Return the status of something that is ready or not; a paused one is paused whatever it is beside."""
    if paused:
        return Readiness.PAUSED
    return Readiness.READY if ready else Readiness.NOT_READY


def polled_lately(last_polled: datetime | None) -> bool:
    """Tell whether the last poll is recent at this moment."""
    return last_polled is not None and last_polled >= datetime.now(UTC) - timedelta(seconds=POLL_MAXIMUM_SECONDS)
