"""S7: reading events over HTTP while the log grows."""

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
from benches.synthetic_events import POOL, RARE_NAME, asked, grow_log

TIMES_SMALLEST: Final = 2.0
PAGE: Final = 1000
EVENTS_ON_PAGE: Final = 10
"""Few, so that the shortest log has a page 1,000 too."""
SECONDS: Final = 3.0
MIDDLE: Final = 5_000
"""A position in the middle of the shortest log: what is asked for has its events there."""


def measure_log_growth(rig: Rig) -> list[Line]:
    """Measure the median time of each question at each length, beside the one at the shortest."""
    rig.staff(0)
    rig.empty()
    lengths = rig.plan.log_lengths
    medians: dict[str, dict[int, list[float]]] = {}
    with rig.awake(OURS), connect(rig.stack) as connection:
        for before, length in itertools.pairwise((0, *lengths)):
            rig.say(f"growing the log to {length:,} events")
            grow_log(connection, before + 1, length, lengths[-1])
            found = asked(connection, MIDDLE)
            for what, sent in _questions(rig.api_port, found.resource, found.flow).items():
                rig.say(f"{length:,} events: {what}")
                load = run_load(rig.api_port, itertools.repeat(sent), clients=1, seconds=SECONDS).require(200)
                medians.setdefault(what, {})[length] = [percentile(load.latencies, 50) * 1000]
    rig.empty()
    return [each for what, found_at in medians.items() for each in _lines(what, found_at)]


def _lines(what: str, found: dict[int, list[float]]) -> list[Line]:
    (smallest, base), *others = found.items()
    lines = [line(f"{what}, {smallest:,} events", "ms", base)]
    for length, values in others:
        beside = {f"{smallest:,} events": base}
        lines.append(compared(f"{what}, {length:,} events", "ms", values, beside, at_most(TIMES_SMALLEST)))
    return lines


def _questions(port: int, resource: str, flow: str) -> dict[str, bytes]:
    return {
        "first page": _ask({}, 50),
        f"page {PAGE:,}": _page_thousand(port),
        "by resource": _ask({"resource": {"id": [resource]}}, 50),
        "by related flow": _ask({"related": {"id": [flow]}}, 50),
        "by related pool of all": _ask({"related": {"id": [POOL]}}, 50),
        "by name prefix": _ask({"event": {"prefix": [RARE_NAME[:-3]]}}, 50),
    }


def _ask(wanted: dict[str, Any], limit: int) -> bytes:
    return request("POST", "/api/events/filter", json.dumps({"filter": wanted, "limit": limit}).encode())


def _page_thousand(port: int) -> bytes:
    """Walk to the page before, and return the request of the page itself."""
    with httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
        page = client.post("/api/events/filter", json={"filter": {}, "limit": EVENTS_ON_PAGE}).json()
        for _ in range(PAGE - 2):
            page = client.get(page["next_page"]).json()
    where = urlsplit(page["next_page"])
    return request("GET", f"{where.path}?{where.query}")
