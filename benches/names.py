"""Which benchmarks there are."""

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
from benches.start_up import measure_start_up


@dataclass(frozen=True)
class Benchmark:
    """What is measured under a number and a name; `quick` tells whether it is of the everyday part."""

    number: str
    name: str
    title: str
    measure: Callable[[Rig], list[Line]]
    quick: bool


BENCHMARKS: Final = (
    Benchmark("S1", "http", "A deployment's life over HTTP, beside Prefect's server", measure_http, quick=True),
    Benchmark("S2", "in-process", "The CRUD functions beside their bare statements", measure_in_process, quick=True),
    Benchmark("S3", "price", "A creation beside one without events", measure_event_price, quick=True),
    Benchmark("S4", "drain", "Draining a backlog, one worker of two processes", measure_drain, quick=True),
    Benchmark("S5", "lag", "From the commit to readable, at 200 changes a second", measure_lag, quick=True),
    Benchmark("S6", "live", "From the commit to the frame on a WebSocket", measure_live, quick=True),
    Benchmark("S7", "log-growth", "Reading events while the log grows", measure_log_growth, quick=False),
    Benchmark("S8", "claim-growth", "The claim of a batch while the outbox grows", measure_claim_growth, quick=False),
    Benchmark("S9", "bulk", "Much at once, and little of much", measure_bulk, quick=False),
    Benchmark("S10", "scaling", "More workers, and more API processes", measure_scaling, quick=False),
    Benchmark("S11", "memory", "Resident memory over many events", measure_memory, quick=False),
    Benchmark("S12", "broker", "Creations while the broker is away or hangs", measure_broker_outage, quick=True),
    Benchmark("S13", "start-up", "From the command to ready, and imports", measure_start_up, quick=False),
)


def chosen(only: Sequence[str], *, quick: bool) -> list[Benchmark]:
    """Return the benchmarks of these names or numbers, in their order; without any, all or all of the everyday part.

    Raises:
        ValueError: there is none of a name.
    """
    wanted = {word.lower() for word in only}
    known = {word for each in BENCHMARKS for word in (each.name, each.number.lower())}
    if unknown := sorted(wanted - known):
        names = ", ".join(each.name for each in BENCHMARKS)
        raise ValueError(f"There is no {', '.join(unknown)}. There are: {names}.")
    if wanted:
        return [each for each in BENCHMARKS if wanted & {each.name, each.number.lower()}]
    return [each for each in BENCHMARKS if each.quick or not quick]
