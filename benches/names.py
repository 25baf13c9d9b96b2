"""The list of benchmarks."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from benches.broker_outage import measure_broker_outage
from benches.bulk import measure_bulk
from benches.claim_growth import measure_claim_growth
from benches.drain import measure_drain
from benches.event_price import measure_event_price
from benches.in_process import measure_in_process
from benches.lag import measure_lag
from benches.line import Line
from benches.live import measure_live
from benches.log_growth import measure_log_growth
from benches.memory import measure_memory
from benches.over_http import measure_http
from benches.rig import Rig
from benches.scaling import measure_scaling
from benches.sources import measure_sources
from benches.start_up import measure_start_up


@dataclass(frozen=True)
class Benchmark:
    """A benchmark. `quick` means that `make bench-quick` runs it."""

    number: str
    name: str
    title: str
    measure: Callable[[Rig], list[Line]]
    quick: bool


BENCHMARKS: Final = (
    Benchmark("S1", "http", "Deployment requests over HTTP, compared with Prefect's server", measure_http, quick=True),
    Benchmark(
        "S2", "in-process", "CRUD functions, compared with their bare SQL statements", measure_in_process, quick=True
    ),
    Benchmark("S3", "price", "Creating deployments with and without events", measure_event_price, quick=True),
    Benchmark("S4", "drain", "Draining a backlog with one worker of two processes", measure_drain, quick=True),
    Benchmark("S5", "lag", "Time from commit to readable event, at 200 changes per second", measure_lag, quick=True),
    Benchmark("S6", "live", "Time from commit to WebSocket frame", measure_live, quick=True),
    Benchmark("S7", "log-growth", "Reading events from a growing log", measure_log_growth, quick=False),
    Benchmark("S8", "claim-growth", "Claiming a batch from a growing outbox", measure_claim_growth, quick=False),
    Benchmark("S9", "bulk", "Deleting a large flow, and redeploying with few changes", measure_bulk, quick=False),
    Benchmark("S10", "scaling", "More workers and more API processes", measure_scaling, quick=False),
    Benchmark("S11", "memory", "Resident memory while events are processed", measure_memory, quick=False),
    Benchmark(
        "S12", "broker", "Creating deployments while the broker is down or hangs", measure_broker_outage, quick=True
    ),
    Benchmark("S13", "start-up", "Start-up and import times", measure_start_up, quick=False),
    Benchmark("S15", "sources", "Following the database of Prefect's server", measure_sources, quick=False),
)


def select_benchmarks(only: Sequence[str], *, quick: bool) -> list[Benchmark]:
    """Return the benchmarks with these names or numbers, in table order.

    If `only` is empty, return all of them, or the quick set with `quick`.

    Raises:
        ValueError: a name or number is unknown.
    """
    selected = {word.lower() for word in only}
    known = {word for benchmark in BENCHMARKS for word in (benchmark.name, benchmark.number.lower())}
    if unknown := sorted(selected - known):
        names = ", ".join(benchmark.name for benchmark in BENCHMARKS)
        raise ValueError(f"There is no {', '.join(unknown)}. There are: {names}.")
    if selected:
        return [benchmark for benchmark in BENCHMARKS if selected & {benchmark.name, benchmark.number.lower()}]
    return [benchmark for benchmark in BENCHMARKS if benchmark.quick or not quick]
