"""S12: create deployments over HTTP while the broker is down or hangs, compared with a healthy broker."""

import itertools
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from benches.bodies import open_registry
from benches.drain import pending
from benches.line import Line, at_most, compared
from benches.load import run_load
from benches.over_http import milliseconds
from benches.rig import OURS, Rig
from tests.waiting import wait_until

CLIENTS: Final = 8
TIMES_HEALTHY: Final = 1.2
RECOVERY_SECONDS: Final = 120
HEALTHY: Final = "healthy"
STATES: Final = (HEALTHY, "hung", "down")


def measure_broker_outage(rig: Rig) -> list[Line]:
    """Measure the latency of creating deployments with 8 clients, for each broker state in turn."""
    port = rig.api_port
    rig.run_workers(1)
    rig.start_beat()
    latencies: dict[str, list[float]] = {state: [] for state in STATES}
    with rig.other_side_paused(OURS):
        for number, state in itertools.product(range(1, rig.plan.rounds + 1), STATES):
            wait_until(lambda: pending(rig.stack) == 0, "the outbox to be empty", RECOVERY_SECONDS)
            rig.say(f"round {number} of {rig.plan.rounds}: the broker is {state}")
            registry = open_registry(port, f"broker-{number}")
            names = (f"{state}-{count}" for count in itertools.count())
            with _broker(rig, state):
                load = run_load(
                    port, map(registry.deploy, names), clients=CLIENTS, seconds=rig.plan.outage_seconds
                ).require(201)
            latencies[state].append(milliseconds(load, 99))
        wait_until(lambda: pending(rig.stack) == 0, "the outbox to be empty", RECOVERY_SECONDS)
    baseline = {HEALTHY: latencies[HEALTHY]}
    return [
        compared(f"create, 8 clients, broker {state}, p99", "ms", latencies[state], baseline, at_most(TIMES_HEALTHY))
        for state in STATES[1:]
    ]


@contextmanager
def _broker(rig: Rig, state: str) -> Iterator[None]:
    broker = rig.stack.broker
    if state == "hung":
        os.kill(broker.pid, signal.SIGSTOP)
    elif state == "down":
        broker.stop()
    try:
        yield
    finally:
        if state == "hung":
            os.kill(broker.pid, signal.SIGCONT)
        elif state == "down":
            broker.start()
