"""S3: the cost of events: create deployments with our route and with a route that records no events."""

import itertools
from typing import Final

from app.local.embedded.process import free_port
from benches.bodies import deploy_background, open_registry
from benches.line import Line, at_least, compared
from benches.load import run_load
from benches.rig import OURS, Rig
from tests.acceptance.stack import Api

CLIENTS: Final = 8
OF_PLAIN: Final = 0.9
PLAIN: Final = "route without events"


def measure_event_price(rig: Rig) -> list[Line]:
    """Measure creations per second with 8 clients, in turn. No worker runs, so only the request is measured."""
    rig.run_workers(0)
    port = free_port()
    role = rig.start("plain-api", "benches.plain_app", "--port", str(port), "--log-level", "warning")
    Api(role, f"http://127.0.0.1:{port}").wait()
    ports = {OURS: rig.api_port, PLAIN: port}
    rates: dict[str, list[float]] = {side: [] for side in ports}
    with rig.other_side_paused(OURS):
        deploy_background(rig.api_port)
        for number, (side, side_port) in itertools.product(range(rig.plan.rounds + 1), ports.items()):
            rig.say(f"round {number} of {rig.plan.rounds}: {side}" if number else f"warming up: {side}")
            registry = open_registry(side_port, f"price-{number}")
            names = (f"{side[:5]}-{count}" for count in itertools.count())
            seconds = rig.plan.price_seconds if number else 0.5
            load = run_load(side_port, map(registry.deploy, names), clients=CLIENTS, seconds=seconds).require(201)
            if number:
                rates[side].append(load.throughput)
    role.kill()
    rig.forget_doorbells()
    return [compared("create, 8 clients", "1/s", rates[OURS], {PLAIN: rates[PLAIN]}, at_least(OF_PLAIN))]
