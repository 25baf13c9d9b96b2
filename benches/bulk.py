"""S9: delete a flow with many deployments, and redeploy many deployments of which few changed."""

import itertools
from time import perf_counter
from typing import Any, Final

import httpx2
import psycopg

from benches.bodies import Registry, open_registry
from benches.drain import pending
from benches.errors import MeasurementError
from benches.line import Line, at_least, at_most, compared, line
from benches.load import request, run_load
from benches.rig import OURS, Rig
from benches.synthetic import connect
from tests.waiting import wait_until

OF_FLOW: Final = 10_000
READABLE_SECONDS: Final = 5.0
REDEPLOYED: Final = 1_000
CHANGED: Final = 10
TIMES_READS: Final = 1.3

COPIES: Final = """
INSERT INTO deployment SELECT (jsonb_populate_record(deployment, jsonb_build_object(
  'id', gen_random_uuid(), 'event_id', uuidv7(), 'name', 'copy-' || n))).*
FROM deployment, generate_series(1, %(count)s) AS n WHERE deployment.flow_id = %(flow_id)s
"""


def measure_bulk(rig: Rig) -> list[Line]:
    """Measure the deletion of a large flow until its events are readable, and a mostly unchanged redeployment."""
    port = rig.api_port
    rig.run_workers(1)
    rig.start_beat()
    rig.reset_database()
    with rig.other_side_paused(OURS), connect(rig.stack) as connection:
        deleted = [_deletion(rig, connection, port, number) for number in range(rig.plan.bulk_rounds)]
        redeployed, read, snapshots = _redeployments(rig, connection, open_registry(port, "redeployed"))
    return [
        line(f"deleting a flow with {OF_FLOW:,} deployments, until the response", "s", [first for first, _ in deleted]),
        line(
            f"its {OF_FLOW:,} events, from the response until readable", "s", [after for _, after in deleted],
            at_most(READABLE_SECONDS),
        ),
        compared(
            f"redeploying {REDEPLOYED:,} deployments, {CHANGED} of them changed", "s", redeployed,
            {f"{REDEPLOYED:,} reads": read}, at_most(TIMES_READS),
        ),
        line("snapshots written by it, at least", "", snapshots, at_least(CHANGED)),
        line("snapshots written by it, at most", "", snapshots, at_most(CHANGED)),
    ]  # fmt: skip


def _deletion(rig: Rig, connection: psycopg.Connection[Any], port: int, number: int) -> tuple[float, float]:
    """Return two times in seconds: until the response, and from there until all events are in the log."""
    rig.say(f"deleting a flow with {OF_FLOW:,} deployments")
    registry = open_registry(port, f"large-{number}")
    run_load(port, iter([registry.deploy("original")]), clients=1, seconds=60).require(201)
    connection.execute(COPIES, {"count": OF_FLOW - 1, "flow_id": registry.flow_id})
    wait_until(lambda: pending(rig.stack) == 0, "the outbox to be empty")
    before = _deletions(connection)
    start = perf_counter()
    with httpx2.Client(base_url=f"http://127.0.0.1:{port}/api", timeout=120) as client:
        response = client.delete(f"/flows/{registry.flow_id}")
    if response.status_code != 204:
        raise MeasurementError(f"Deleting the flow returned status {response.status_code}.")
    answered = perf_counter()
    wait_until(lambda: _deletions(connection) >= before + OF_FLOW, "the events of the deletion", 120)
    return answered - start, perf_counter() - answered


def _deletions(connection: psycopg.Connection[Any]) -> int:
    statement = "SELECT count(*) FROM event WHERE event = 'prefect.deployment.deleted'"
    return int(connection.execute(statement).fetchall()[0][0])


def _redeployments(
    rig: Rig, connection: psycopg.Connection[Any], registry: Registry
) -> tuple[list[float], list[float], list[float]]:
    """Return one value per round: seconds of redeploying, seconds of reading, and number of events appended."""
    names = [f"same-{number}" for number in range(REDEPLOYED)]

    def run(requests: "itertools.chain[bytes] | map[bytes]", *statuses: int) -> float:
        return run_load(registry.port, requests, clients=1, seconds=600).require(*statuses).seconds

    run(map(registry.deploy, names), 201)
    wait_until(lambda: pending(rig.stack) == 0, "the outbox to be empty")
    # The sweep analyzes grown tables only every few seconds; do it now, as for deployments that are older.
    connection.execute("ANALYZE")
    rows = connection.execute("SELECT id FROM deployment WHERE flow_id = %s", [registry.flow_id]).fetchall()
    reads = [request("GET", f"/api/deployments/{id_}") for (id_,) in rows]
    redeployed, read, snapshots = [], [], []
    for number in range(1, rig.plan.bulk_rounds + 1):
        rig.say(f"round {number} of {rig.plan.bulk_rounds}: redeploying {REDEPLOYED:,}")
        before = _events(connection)
        changed = (registry.deploy(name, f"round {number}") for name in names[:CHANGED])
        unchanged = map(registry.deploy, names[CHANGED:])
        redeployed.append(run(itertools.chain(changed, unchanged), 200))
        wait_until(lambda: pending(rig.stack) == 0, "the outbox to be empty")
        snapshots.append(float(_events(connection) - before))
        read.append(run(map(bytes, reads), 200))
    return redeployed, read, snapshots


def _events(connection: psycopg.Connection[Any]) -> int:
    return int(connection.execute("SELECT position FROM event_log").fetchall()[0][0])
