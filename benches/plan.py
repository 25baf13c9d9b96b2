"""How much is measured: everything, or the everyday part in small."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Plan:
    """The sizes of all benchmarks. Times are seconds."""

    name: str
    rounds: int
    """How often the sides alternate."""
    http_seconds: float
    """Of each kind of request."""
    calls: int
    """Of each function in one process."""
    price_seconds: float
    """Of creations on each side."""
    backlog: int
    """Snapshots to drain."""
    noop_tasks: int
    lag_rounds: int
    lag_seconds: float
    """Of changes at a steady rate."""
    lag_answers: int
    """Deployments whose event is looked for over HTTP."""
    live_changes: int
    live_pause: float
    """Between two changes."""
    outage_seconds: float
    """Of creations in each state of the broker."""


FULL: Final = Plan(
    name="full",
    rounds=5,
    http_seconds=8,
    calls=2_000,
    price_seconds=10,
    backlog=100_000,
    noop_tasks=10_000,
    lag_rounds=3,
    lag_seconds=60,
    lag_answers=40,
    live_changes=100,
    live_pause=0.5,
    outage_seconds=20,
)
QUICK: Final = Plan(
    name="quick",
    rounds=2,
    http_seconds=1.2,
    calls=200,
    price_seconds=3,
    backlog=20_000,
    noop_tasks=2_000,
    lag_rounds=1,
    lag_seconds=10,
    lag_answers=10,
    live_changes=15,
    live_pause=0.4,
    outage_seconds=5,
)
