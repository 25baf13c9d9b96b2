"""Measure the maximum rate of the load generator, to show that it does not limit the other results."""

import itertools
import socket
from collections.abc import Mapping
from typing import Final

from app.local.embedded.process import free_port
from benches.bodies import deployment
from benches.line import Line, at_least, compared
from benches.load import request, run_load
from benches.rig import Rig
from tests.waiting import wait_until

FACTOR: Final = 10
SECONDS: Final = 1.0
ROUNDS: Final = 3


def measure_ceiling(rig: Rig, fastest: Mapping[int, float]) -> list[Line]:
    """Run the load generator against a trivial server and compare it with the fastest rate of this run.

    Args:
        rig: the running processes.
        fastest: the highest measured rate in requests per second, by number of clients.
    """
    port = free_port()
    server = rig.start("trivial-server", "benches.trivial_server", str(port))
    wait_until(lambda: _listens(port), "the trivial server to listen")
    sent = request("POST", "/api/deployments/", str(deployment("0" * 36, "bench")).encode())
    lines = []
    for count, rate in fastest.items():
        rig.say(f"maximum of the load generator, {count} clients")
        rates = [
            run_load(port, itertools.repeat(sent), clients=count, seconds=SECONDS).throughput for _ in range(ROUNDS)
        ]
        name = f"maximum of the load generator, {count} client{'s' if count > 1 else ''}"
        lines.append(compared(name, "1/s", rates, {"fastest above": [rate]}, at_least(FACTOR)))
    server.kill()
    return lines


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
