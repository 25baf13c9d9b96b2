"""S5: the time from a commit until its event is readable, compared with Prefect's server."""

import json
import time
from datetime import UTC, datetime
from typing import Any, Final

import httpx2
import psycopg

from app.log.append import CHANNEL
from app.postgres.listening import Listener
from benches.bodies import Registry, open_registry
from benches.errors import MeasurementError
from benches.line import Line, at_least, at_most, compared, line
from benches.rig import OURS, PREFECT, Rig, Side
from benches.spread import percentile
from benches.synthetic import connect

RATE: Final = 200.0
READ_SECONDS: Final = 0.005
POLL_SECONDS: Final = 0.05
TIMEOUT_SECONDS: Final = 60
DEPLOYMENT: Final = "prefect.deployment."


def measure_lag(rig: Rig) -> list[Line]:
    """Measure from our commits, at a steady rate; then from HTTP responses, on both sides."""
    ports: dict[Side, int] = {OURS: rig.api_port, PREFECT: rig.prefect.port}
    rig.run_workers(1)
    rig.start_beat()
    lags: list[list[float]] = []
    rates = []
    with rig.other_side_paused(OURS), connect(rig.stack) as connection:
        for number in range(1, rig.plan.lag_rounds + 1):
            rig.say(f"round {number} of {rig.plan.lag_rounds}: {RATE:.0f} changes a second")
            flow = open_registry(ports[OURS], f"lag-{number}").flow_id
            round_lags, rate = _steady(rig, connection, flow, rig.plan.lag_seconds)
            lags.append(round_lags)
            rates.append(rate)
    over_http: dict[Side, list[float]] = {}
    for side, port in ports.items():
        rig.say(f"from HTTP response to readable event: {side}")
        with rig.other_side_paused(side):
            over_http[side] = _from_responses(open_registry(port, "responses"), rig.plan.lag_responses)
    return [
        line("rate of changes", "1/s", rates, at_least(RATE * 0.95)),
        line("commit to readable, p50", "ms", [percentile(each, 50) for each in lags], at_most(20)),
        line("commit to readable, p99", "ms", [percentile(each, 99) for each in lags], at_most(100)),
        compared("HTTP response to readable event", "ms", over_http[OURS], {PREFECT: over_http[PREFECT]}),
    ]


def _steady(rig: Rig, connection: psycopg.Connection[Any], flow: str, seconds: float) -> tuple[list[float], float]:
    """Read the log while another process writes; return the lags in milliseconds and the changes per second."""
    seen: dict[tuple[str, int], float] = {}
    after = connection.execute("SELECT position FROM event_log").fetchall()[0][0]
    writer = rig.start("writer", "benches.writer", str(RATE), str(seconds), flow)
    end = None
    with Listener(rig.stack.engine, CHANNEL) as listener:
        while end is None or time.monotonic() < end:
            listener.wait(READ_SECONDS)
            rows = connection.execute(
                "SELECT position, resource_id, revision FROM event WHERE position > %s ORDER BY position", [after]
            ).fetchall()
            now = time.monotonic()
            for position, resource, revision in rows:
                seen[resource.removeprefix(DEPLOYMENT), revision] = now
                after = position
            if end is None and not writer.is_running():
                end = now + TIMEOUT_SECONDS
                commits = json.loads(writer.read_log().splitlines()[-1])
            if end is not None and all((id_, revision) in seen for id_, revision, _ in commits):
                break
        else:
            raise MeasurementError("Some changes had no event after a minute.")
    lags = [max(seen[id_, revision] - committed, 0) * 1000 for id_, revision, committed in commits]
    return lags, (len(commits) - 1) / (commits[-1][2] - commits[0][2])


def _from_responses(registry: Registry, count: int) -> list[float]:
    """Create deployments one by one; return for each the milliseconds from its response until its event is readable."""
    responded: dict[str, float] = {}
    readable: dict[str, float] = {}
    created_events = {"event": {"name": [f"{DEPLOYMENT}created"]}, "occurred": {"since": datetime.now(UTC).isoformat()}}
    with httpx2.Client(base_url=f"http://127.0.0.1:{registry.port}/api", timeout=60) as client:
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while len(readable) < count:
            if len(responded) < count:
                created = client.post("/deployments/", json=registry.body(f"response-{len(responded)}"))
                responded[DEPLOYMENT + created.json()["id"]] = time.monotonic()
            page = client.post("/events/filter", json={"filter": created_events, "limit": 50}).json()
            now = time.monotonic()
            for event in page["events"]:
                readable.setdefault(event["resource"]["prefect.resource.id"], now)
            if now > deadline:
                raise MeasurementError("Some deployments had no event after a minute.")
            time.sleep(POLL_SECONDS)
    return [max(readable[resource] - at, 0) * 1000 for resource, at in responded.items()]
