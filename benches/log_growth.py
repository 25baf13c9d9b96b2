"""S7: read events over HTTP from a growing log."""

import itertools
import json
from typing import Any, Final
from urllib.parse import urlsplit

import httpx2

from benches.line import Line, at_most, compared, line
from benches.load import request, run_load
from benches.rig import OURS, Rig
from benches.spread import percentile
from benches.synthetic import connect
from benches.synthetic_events import POOL, RARE_NAME, filters_at, grow_log

TIMES_SMALLEST: Final = 2.0
PAGE: Final = 1000
EVENTS_ON_PAGE: Final = 10
"""Small enough for the shortest log to have a page 1,000."""
SECONDS: Final = 3.0
MIDDLE: Final = 5_000
"""A position in the middle of the shortest log. The filters by resource and flow match events there."""


def measure_log_growth(rig: Rig) -> list[Line]:
    """Measure the median time of each query at each log length, compared with the shortest log."""
    rig.run_workers(0)
    rig.reset_database()
    lengths = rig.plan.log_lengths
    medians: dict[str, dict[int, list[float]]] = {}
    with rig.other_side_paused(OURS), connect(rig.stack) as connection:
        for before, length in itertools.pairwise((0, *lengths)):
            rig.say(f"growing the log to {length:,} events")
            grow_log(connection, before + 1, length, lengths[-1])
            filters = filters_at(connection, MIDDLE)
            for name, query in _queries(rig.api_port, filters.resource, filters.flow).items():
                rig.say(f"{length:,} events: {name}")
                load = run_load(rig.api_port, itertools.repeat(query), clients=1, seconds=SECONDS).require(200)
                medians.setdefault(name, {})[length] = [percentile(load.latencies, 50) * 1000]
    rig.reset_database()
    return [line for name, by_length in medians.items() for line in _lines(name, by_length)]


def _lines(name: str, by_length: dict[int, list[float]]) -> list[Line]:
    (smallest, base), *others = by_length.items()
    lines = [line(f"{name}, {smallest:,} events", "ms", base)]
    for length, values in others:
        baseline = {f"{smallest:,} events": base}
        lines.append(compared(f"{name}, {length:,} events", "ms", values, baseline, at_most(TIMES_SMALLEST)))
    return lines


def _queries(port: int, resource: str, flow: str) -> dict[str, bytes]:
    return {
        "first page": _query({}, 50),
        f"page {PAGE:,}": _page_thousand(port),
        "by resource": _query({"resource": {"id": [resource]}}, 50),
        "by related flow": _query({"related": {"id": [flow]}}, 50),
        "by the related pool of every event": _query({"related": {"id": [POOL]}}, 50),
        "by event name prefix": _query({"event": {"prefix": [RARE_NAME[:-3]]}}, 50),
    }


def _query(filters: dict[str, Any], limit: int) -> bytes:
    return request("POST", "/api/events/filter", json.dumps({"filter": filters, "limit": limit}).encode())


def _page_thousand(port: int) -> bytes:
    """Read the pages before page 1,000 and return the request for that page."""
    with httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
        page = client.post("/api/events/filter", json={"filter": {}, "limit": EVENTS_ON_PAGE}).json()
        for _ in range(PAGE - 2):
            page = client.get(page["next_page"]).json()
    url = urlsplit(page["next_page"])
    return request("GET", f"{url.path}?{url.query}")
