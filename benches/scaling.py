"""S10: drain the same backlog with more workers, and serve the same clients with two API processes."""

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
"""Less than a tenth is within the noise of the measurement."""
CORES_FOR_TWO: Final = 6
"""Enough for four worker processes or two API processes, PostgreSQL, and the load generator."""


def measure_scaling(rig: Rig) -> list[Line]:
    """Measure the drain with one, two and four workers, and creations with one and two API processes."""
    drained: dict[int, list[float]] = {}
    for count in WORKERS:
        rig.say(f"{count} workers")
        template = prepare_drain(rig, workers=count)
        with rig.other_side_paused(OURS), connect(rig.stack) as connection:
            drained_rate(rig, connection, template, rig.plan.backlog // 5)
            drained[count] = [
                drained_rate(rig, connection, template, rig.plan.backlog) for _ in range(rig.plan.scaling_rounds)
            ]
    one = {"one worker": drained[1]}
    return [
        compared("snapshots drained, two workers", "1/s", drained[2], one, _target_for_two()),
        compared("snapshots drained, four workers", "1/s", drained[4], one, at_least(NO_LOSS)),
        _two_apis(rig),
    ]


def _target_for_two() -> Target | None:
    """Return a target only with enough cores: with fewer, one process already keeps them busy."""
    return at_least(TWICE) if (os.cpu_count() or 1) >= CORES_FOR_TWO else None


def _two_apis(rig: Rig) -> Line:
    rig.run_workers(1)
    rig.start_beat()
    second = rig.stack.start_api()
    ports = [rig.api_port, int(second.url.rpartition(":")[2])]
    rates: dict[int, list[float]] = {1: [], 2: []}
    with rig.other_side_paused(OURS):
        for number, count in itertools.product(range(1, rig.plan.scaling_rounds + 1), rates):
            rig.say(f"round {number} of {rig.plan.scaling_rounds}: {count} API processes")
            registries = [open_registry(port, f"scaling-{number}-{port}") for port in ports[:count]]
            rates[count].append(_creations(rig, registries))
    second.role.kill()
    rig.stack.roles.remove(second.role)
    one = {"one API process": rates[1]}
    return compared("create, 8 clients, two API processes", "1/s", rates[2], one, _target_for_two())


def _creations(rig: Rig, registries: list[Registry]) -> float:
    """Return the creations per second of all API processes, with the clients divided among them."""

    def names(count: int) -> Iterator[str]:
        return (f"{count}-{number}" for number in itertools.count())

    def load(registry: Registry) -> float:
        clients = CLIENTS // len(registries)
        requests = map(registry.deploy, names(len(registries)))
        return run_load(registry.port, requests, clients=clients, seconds=rig.plan.price_seconds).throughput

    with ThreadPoolExecutor(len(registries)) as threads:
        return sum(threads.map(load, registries))
