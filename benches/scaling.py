"""S10: more workers on the same backlog, and more API processes for the same clients."""

import itertools
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from benches.bodies import Registry, open_registry
from benches.drain import drained_rate, prepare_drain
from benches.line import Line, Target, at_least, compared
from benches.load import run_load
from benches.rig import OURS, Rig
from benches.synthetic import connect

WORKERS: Final = (1, 2, 4)
CLIENTS: Final = 8
TWICE: Final = 1.6
NO_LOSS: Final = 0.9
"""Less than a tenth is noise."""
CORES_FOR_TWO: Final = 6
"""Four processes of workers or two of the API, PostgreSQL, and who makes the load."""


def measure_scaling(rig: Rig) -> list[Line]:
    """Measure the drain with one, two and four workers, and creations with one and two API processes."""
    drained: dict[int, list[float]] = {}
    for count in WORKERS:
        rig.say(f"{count} workers")
        template = prepare_drain(rig, workers=count)
        with rig.awake(OURS), connect(rig.stack) as connection:
            drained_rate(rig, connection, template, rig.plan.backlog // 5)
            drained[count] = [
                drained_rate(rig, connection, template, rig.plan.backlog) for _ in range(rig.plan.scaling_rounds)
            ]
    one = {"one worker": drained[1]}
    return [
        compared("snapshots drained, two workers", "1/s", drained[2], one, _where_cores_allow()),
        compared("snapshots drained, four workers", "1/s", drained[4], one, at_least(NO_LOSS)),
        _two_apis(rig),
    ]


def _where_cores_allow() -> Target | None:
    """Two of what keeps all cores busy are no faster than one."""
    return at_least(TWICE) if (os.cpu_count() or 1) >= CORES_FOR_TWO else None


def _two_apis(rig: Rig) -> Line:
    rig.staff(1)
    rig.start_beat()
    second = rig.stack.start_api()
    ports = [rig.api_port, int(second.url.rpartition(":")[2])]
    rates: dict[int, list[float]] = {1: [], 2: []}
    with rig.awake(OURS):
        for number, count in itertools.product(range(1, rig.plan.scaling_rounds + 1), rates):
            rig.say(f"round {number} of {rig.plan.scaling_rounds}: {count} API processes")
            registries = [open_registry(port, f"scaling-{number}-{port}") for port in ports[:count]]
            rates[count].append(_creations(rig, registries))
    second.role.kill()
    rig.stack.roles.remove(second.role)
    one = {"one API": rates[1]}
    return compared("create, 8 clients, two APIs", "1/s", rates[2], one, _where_cores_allow())


def _creations(rig: Rig, registries: list[Registry]) -> float:
    """Return how many creations all of them answer in a second, with the clients divided among them."""

    def names(count: int) -> Iterator[str]:
        return (f"{count}-{number}" for number in itertools.count())

    def load(registry: Registry) -> float:
        clients = CLIENTS // len(registries)
        requests = map(registry.deploy, names(len(registries)))
        return run_load(registry.port, requests, clients=clients, seconds=rig.plan.price_seconds).throughput

    with ThreadPoolExecutor(len(registries)) as threads:
        return sum(threads.map(load, registries))
