"""The sizes of a full run and of a quick run."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Plan:
    """The sizes of all benchmarks. Times are seconds."""

    name: str
    rounds: int
    """Rounds of S1 to S4 and S12; the compared sides alternate in each round."""
    http_seconds: float
    """Length of a measurement of each kind of request."""
    calls: int
    """Calls of each CRUD function (S2)."""
    price_seconds: float
    """Length of a measurement of creations (S3 and S10)."""
    backlog: int
    """Snapshots to drain (S4 and S10)."""
    noop_tasks: int
    lag_rounds: int
    lag_seconds: float
    """Length of the changes at a steady rate (S5)."""
    lag_responses: int
    """Deployments whose event is polled for over HTTP (S5)."""
    live_changes: int
    outage_seconds: float
    """Length of a measurement of creations in each state of the broker (S12)."""
    log_lengths: tuple[int, ...]
    """Events in the log (S7)."""
    pending: tuple[int, ...]
    """Snapshots in the lane (S8)."""
    bulk_rounds: int
    scaling_rounds: int
    memory_events: int
    start_rounds: int
    source_rounds: int
    """Rounds of the drain of a source (S15)."""
    source_changes: int
    """Statements of each kind, without and with triggers (S15)."""
    source_open_seconds: float
    """How long a transaction stays open in the database of a source (S15)."""


FULL: Final = Plan(
    name="full",
    rounds=5,
    http_seconds=5,
    calls=2_000,
    price_seconds=10,
    backlog=100_000,
    noop_tasks=10_000,
    lag_rounds=3,
    lag_seconds=60,
    lag_responses=40,
    live_changes=100,
    outage_seconds=12,
    log_lengths=(10_000, 1_000_000, 5_000_000),
    pending=(1_000, 100_000, 1_000_000),
    bulk_rounds=3,
    scaling_rounds=3,
    memory_events=500_000,
    start_rounds=3,
    source_rounds=3,
    source_changes=5_000,
    source_open_seconds=600,
)
QUICK: Final = Plan(
    name="quick",
    rounds=3,
    http_seconds=1.2,
    calls=200,
    price_seconds=3,
    backlog=20_000,
    noop_tasks=2_000,
    lag_rounds=1,
    lag_seconds=10,
    lag_responses=10,
    live_changes=15,
    outage_seconds=5,
    log_lengths=(10_000, 100_000),
    pending=(1_000, 50_000),
    bulk_rounds=1,
    scaling_rounds=1,
    memory_events=40_000,
    start_rounds=1,
    source_rounds=1,
    source_changes=1_000,
    source_open_seconds=10,
)
