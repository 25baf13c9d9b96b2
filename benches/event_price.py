"""S3: what events cost a request: the product's creation beside one that captures and publishes nothing."""

import itertools
from typing import Final

from app.local.embedded.process import free_port
from benches.bodies import open_registry, stock
from benches.line import Line, at_least, compared
from benches.load import run_load
from benches.rig import OURS, Rig
from tests.acceptance.stack import Api

CLIENTS: Final = 8
OF_PLAIN: Final = 0.9
PLAIN: Final = "plain route"


def measure_event_price(rig: Rig) -> list[Line]:
    """Measure creations a second with 8 clients, in turn; no worker runs, since its work is not the request's."""
    rig.staff(0)
    port = free_port()
    role = rig.start("plain-api", "benches.plain_app", "--port", str(port), "--log-level", "warning")
    Api(role, f"http://127.0.0.1:{port}").wait()
    ports = {OURS: rig.api_port, PLAIN: port}
    rates: dict[str, list[float]] = {side: [] for side in ports}
    with rig.awake(OURS):
        stock(rig.api_port)
        for number, (side, at) in itertools.product(range(rig.plan.rounds + 1), ports.items()):
            rig.say(f"round {number} of {rig.plan.rounds}: {side}" if number else f"warming up: {side}")
            registry = open_registry(at, f"price-{number}")
            names = (f"{side[:5]}-{count}" for count in itertools.count())
            seconds = rig.plan.price_seconds if number else 0.5
            load = run_load(at, map(registry.deploy, names), clients=CLIENTS, seconds=seconds).require(201)
            if number:
                rates[side].append(load.throughput)
    role.kill()
    rig.forget_doorbells()
    return [compared("create, 8 clients", "1/s", rates[OURS], {PLAIN: rates[PLAIN]}, at_least(OF_PLAIN))]
