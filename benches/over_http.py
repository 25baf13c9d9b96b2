"""S1: create, upsert, PATCH and DELETE deployments over HTTP, compared with Prefect's server."""

import itertools
import json
from collections import defaultdict
from typing import Final

from benches.bodies import Registry, deploy_background, open_registry
from benches.ceiling import measure_ceiling
from benches.line import Line, at_least, at_most, compared
from benches.load import Load, run_load
from benches.rig import OURS, PREFECT, Rig, Side
from benches.spread import percentile

CLIENTS: Final = (1, 8)
WARM_UP_SECONDS: Final = 0.5
FACTOR: Final = 10

Loads = dict[tuple[str, int], dict[Side, list[Load]]]
"""By operation and number of clients, then by side: one load per round."""


def measure_http(rig: Rig) -> list[Line]:
    """Measure throughput and latency of each operation with 1 and 8 clients, both sides in turn."""
    rig.run_workers(1)
    rig.start_beat()
    ports: dict[Side, int] = {OURS: rig.api_port, PREFECT: rig.prefect.port}
    for side, port in ports.items():
        rig.say(f"warming up {side}")
        with rig.other_side_paused(side):
            run_lifecycle(open_registry(port, "warm"), "warm", clients=2, seconds=WARM_UP_SECONDS)
            deploy_background(port)
    loads: Loads = defaultdict(lambda: defaultdict(list))
    for number, clients, side in itertools.product(range(1, rig.plan.rounds + 1), CLIENTS, (OURS, PREFECT)):
        rig.say(f"round {number} of {rig.plan.rounds}: {side}, {clients} clients")
        with rig.other_side_paused(side):
            registry = open_registry(ports[side], f"flow-{number}")
            measured = run_lifecycle(registry, f"{number}-{clients}", clients=clients, seconds=rig.plan.http_seconds)
        for operation, load in measured.items():
            loads[operation, clients][side].append(load)
    fastest = dict.fromkeys(CLIENTS, 0.0)
    for (_, clients), sides in loads.items():
        fastest[clients] = max(fastest[clients], *(load.throughput for side in sides.values() for load in side))
    lines = [line for (operation, clients), sides in loads.items() for line in _lines(operation, clients, sides)]
    return lines + measure_ceiling(rig, fastest)


def run_lifecycle(registry: Registry, prefix: str, *, clients: int, seconds: float) -> dict[str, Load]:
    """Create deployments, upsert and PATCH them, and delete them; each operation for at most `seconds` seconds."""

    def run(requests: "itertools.chain[bytes] | map[bytes]", *statuses: int, keep_bodies: bool = False) -> Load:
        load = run_load(registry.port, requests, clients=clients, seconds=seconds, keep_bodies=keep_bodies)
        return load.require(*statuses)

    created = run(map(registry.deploy, (f"{prefix}-{number}" for number in itertools.count())), 201, keep_bodies=True)
    deployments = [json.loads(body) for body in created.bodies]
    names = [deployment["name"] for deployment in deployments]
    ids = [deployment["id"] for deployment in deployments]
    # The last description sent for each name: an unchanged upsert must repeat it.
    descriptions = dict.fromkeys(names, "")

    def changed(number: int) -> bytes:
        name = names[number % len(names)]
        descriptions[name] = f"change {number}"
        return registry.deploy(name, descriptions[name])

    def unchanged(number: int) -> bytes:
        name = names[number % len(names)]
        return registry.deploy(name, descriptions[name] or registry.body(name)["description"])

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
    name = f"{operation}, {clients} client{'s' if clients > 1 else ''}"
    ours, theirs = sides[OURS], sides[PREFECT]
    lines = [
        compared(
            name,
            "1/s",
            [load.throughput for load in ours],
            {PREFECT: [load.throughput for load in theirs]},
            at_least(FACTOR),
        )
    ]
    for percent in (50, 99):
        latencies = [milliseconds(load, percent) for load in ours]
        baseline: dict[str, list[float]] = {PREFECT: [milliseconds(load, percent) for load in theirs]}
        lines.append(compared(f"{name}, p{percent}", "ms", latencies, baseline, at_most(1 / FACTOR)))
    return lines
