"""S5: how long after its commit a change is readable as an event, beside Prefect's server."""

import json
import time
from datetime import UTC, datetime
from typing import Any, Final

import httpx2
import psycopg

from app.wakeup import Wakeups
from benches.bodies import Registry, open_registry
from benches.errors import MeasurementError
from benches.line import Line, at_least, at_most, compared, line
from benches.rig import OURS, PREFECT, Rig, Side
from benches.spread import percentile
from benches.synthetic import connect

RATE: Final = 200.0
LOOK_SECONDS: Final = 0.005
POLL_SECONDS: Final = 0.05
PATIENCE_SECONDS: Final = 60
DEPLOYMENT: Final = "prefect.deployment."


def measure_lag(rig: Rig) -> list[Line]:
    """Measure at a steady rate from our commits, and from the answers over HTTP on both sides."""
    ports: dict[Side, int] = {OURS: rig.api_port, PREFECT: rig.prefect.port}
    rig.staff(1)
    rig.start_beat()
    lags: list[list[float]] = []
    rates = []
    with rig.awake(OURS), connect(rig.stack) as connection:
        for number in range(1, rig.plan.lag_rounds + 1):
            rig.say(f"round {number} of {rig.plan.lag_rounds}: {RATE:.0f} changes a second")
            flow = open_registry(ports[OURS], f"lag-{number}").flow_id
            found, rate = _steady(rig, connection, flow, rig.plan.lag_seconds)
            lags.append(found)
            rates.append(rate)
    over_http: dict[Side, list[float]] = {}
    for side, port in ports.items():
        rig.say(f"from the answer to readable over HTTP: {side}")
        with rig.awake(side):
            over_http[side] = _from_answers(open_registry(port, "answers"), rig.plan.lag_answers)
    return [
        line("changes reached", "1/s", rates, at_least(RATE * 0.95)),
        line("commit to readable, p50", "ms", [percentile(each, 50) for each in lags], at_most(20)),
        line("commit to readable, p99", "ms", [percentile(each, 99) for each in lags], at_most(100)),
        compared("answer to readable over HTTP", "ms", over_http[OURS], {PREFECT: over_http[PREFECT]}),
    ]


def _steady(rig: Rig, connection: psycopg.Connection[Any], flow: str, seconds: float) -> tuple[list[float], float]:
    """Read the log while another process writes; return the lags in milliseconds and the rate that was reached."""
    seen: dict[tuple[str, int], float] = {}
    after = connection.execute("SELECT position FROM event_log").fetchall()[0][0]
    writer = rig.start("writer", "benches.writer", str(RATE), str(seconds), flow)
    end = None
    with Wakeups(rig.stack.broker.url) as wakeups:
        while end is None or time.monotonic() < end:
            wakeups.wait(LOOK_SECONDS)
            rows = connection.execute(
                "SELECT position, resource_id, revision FROM event WHERE position > %s ORDER BY position", [after]
            ).fetchall()
            now = time.monotonic()
            for position, resource, revision in rows:
                seen[resource.removeprefix(DEPLOYMENT), revision] = now
                after = position
            if end is None and not writer.is_running():
                end = now + PATIENCE_SECONDS
                commits = json.loads(writer.said().splitlines()[-1])
            if end is not None and all((id_, revision) in seen for id_, revision, _ in commits):
                break
        else:
            raise MeasurementError("Some changes had no event after a minute.")
    lags = [max(seen[id_, revision] - committed, 0) * 1000 for id_, revision, committed in commits]
    return lags, (len(commits) - 1) / (commits[-1][2] - commits[0][2])


def _from_answers(registry: Registry, count: int) -> list[float]:
    """Create deployments one after the other and return for each the milliseconds from its answer to its event."""
    answered: dict[str, float] = {}
    readable: dict[str, float] = {}
    wanted = {"event": {"name": [f"{DEPLOYMENT}created"]}, "occurred": {"since": datetime.now(UTC).isoformat()}}
    with httpx2.Client(base_url=f"http://127.0.0.1:{registry.port}/api", timeout=60) as client:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while len(readable) < count:
            if len(answered) < count:
                created = client.post("/deployments/", json=registry.body(f"answer-{len(answered)}"))
                answered[DEPLOYMENT + created.json()["id"]] = time.monotonic()
            page = client.post("/events/filter", json={"filter": wanted, "limit": 50}).json()
            now = time.monotonic()
            for event in page["events"]:
                readable.setdefault(event["resource"]["prefect.resource.id"], now)
            if now > deadline:
                raise MeasurementError("Some deployments had no event after a minute.")
            time.sleep(POLL_SECONDS)
    return [max(readable[resource] - at, 0) * 1000 for resource, at in answered.items()]
