"""S1: the requests of a deployment's life, over HTTP, beside Prefect's server."""

import itertools
import json
from collections import defaultdict
from typing import Final

from benches.bodies import Registry, open_registry, stock
from benches.ceiling import ceiling
from benches.line import Line, at_least, at_most, compared
from benches.load import Load, run_load
from benches.rig import OURS, PREFECT, Rig, Side
from benches.spread import percentile

CLIENTS: Final = (1, 8)
WARM_UP_SECONDS: Final = 0.5
FACTOR: Final = 10

Loads = dict[tuple[str, int], dict[Side, list[Load]]]
"""By operation and number of clients, and side: one for each round."""


def measure_http(rig: Rig) -> list[Line]:
    """Measure throughput and latency of each operation with 1 and 8 clients, the sides in turn."""
    rig.staff(1)
    rig.start_beat()
    ports: dict[Side, int] = {OURS: rig.api_port, PREFECT: rig.prefect.port}
    for side, port in ports.items():
        rig.say(f"warming up {side}")
        with rig.awake(side):
            life(open_registry(port, "warm"), "warm", clients=2, seconds=WARM_UP_SECONDS)
            stock(port)
    loads: Loads = defaultdict(lambda: defaultdict(list))
    for number, clients, side in itertools.product(range(1, rig.plan.rounds + 1), CLIENTS, (OURS, PREFECT)):
        rig.say(f"round {number} of {rig.plan.rounds}: {side}, {clients} clients")
        with rig.awake(side):
            registry = open_registry(ports[side], f"flow-{number}")
            found = life(registry, f"{number}-{clients}", clients=clients, seconds=rig.plan.http_seconds)
        for operation, load in found.items():
            loads[operation, clients][side].append(load)
    fastest = dict.fromkeys(CLIENTS, 0.0)
    for (_, clients), sides in loads.items():
        fastest[clients] = max(fastest[clients], *(load.throughput for side in sides.values() for load in side))
    lines = [line for (operation, clients), sides in loads.items() for line in _lines(operation, clients, sides)]
    return lines + ceiling(rig, fastest)


def life(registry: Registry, prefix: str, *, clients: int, seconds: float) -> dict[str, Load]:
    """Create deployments for so many seconds, change them in all ways for as long each, and delete them."""

    def run(requests: "itertools.chain[bytes] | map[bytes]", *statuses: int, keep_bodies: bool = False) -> Load:
        load = run_load(registry.port, requests, clients=clients, seconds=seconds, keep_bodies=keep_bodies)
        return load.require(*statuses)

    created = run(map(registry.deploy, (f"{prefix}-{number}" for number in itertools.count())), 201, keep_bodies=True)
    found = [json.loads(body) for body in created.bodies]
    names = [deployment["name"] for deployment in found]
    ids = [deployment["id"] for deployment in found]
    # What was sent last for each name is what the next one repeats.
    texts = dict.fromkeys(names, "")

    def changed(number: int) -> bytes:
        name = names[number % len(names)]
        texts[name] = f"change {number}"
        return registry.deploy(name, texts[name])

    def unchanged(number: int) -> bytes:
        name = names[number % len(names)]
        return registry.deploy(name, texts[name] or registry.body(name)["description"])

    def patched(number: int) -> bytes:
        return registry.patch(ids[number % len(ids)], f"patch {number}")

    return {
        "create": created,
        "upsert, changed": run(map(changed, itertools.count()), 200),
        "upsert, unchanged": run(map(unchanged, itertools.count()), 200),
        "PATCH": run(map(patched, itertools.count()), 204),
        "DELETE": run(map(registry.delete, ids), 204),
    }


def milliseconds(load: Load, percent: float) -> float:
    """Return a percentile of the latencies in milliseconds."""
    return percentile(load.latencies, percent) * 1000


def _lines(operation: str, clients: int, sides: dict[Side, list[Load]]) -> list[Line]:
    what = f"{operation}, {clients} client{'s' if clients > 1 else ''}"
    ours, theirs = sides[OURS], sides[PREFECT]
    lines = [
        compared(
            what,
            "1/s",
            [load.throughput for load in ours],
            {PREFECT: [load.throughput for load in theirs]},
            at_least(FACTOR),
        )
    ]
    for percent in (50, 99):
        latencies = [milliseconds(load, percent) for load in ours]
        others = [milliseconds(load, percent) for load in theirs]
        lines.append(compared(f"{what}, p{percent}", "ms", latencies, {PREFECT: others}, at_most(1 / FACTOR)))
    return lines
