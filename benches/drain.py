"""S4: drain a backlog, compared with Celery no-op tasks and with moving the same rows in SQL."""

from time import perf_counter
from typing import Any, Final

import psycopg
from sqlalchemy import func, select

from app.broker.doorbell import Doorbell
from app.broker.doorbells import send
from app.models import SnapshotRow
from app.settings import get_settings
from benches.bodies import open_registry
from benches.celery_rate import noop_worker
from benches.errors import MeasurementError
from benches.line import Line, at_least, compared
from benches.raw_move import move_all
from benches.rig import OURS, Rig
from benches.synthetic import Template, capture_template, connect, insert_backlog
from tests.acceptance.stack import Stack
from tests.waiting import wait_until

DRAIN_SECONDS: Final = 600
WARM_UP: Final = 4_000
TIMES_CELERY: Final = 12
OF_RAW: Final = 0.5


def measure_drain(rig: Rig) -> list[Line]:
    """Measure Celery no-op tasks, our drain, and the move in SQL, in turn; each per second."""
    ours: list[float] = []
    celery: list[float] = []
    raw: list[float] = []
    template = prepare_drain(rig, workers=1)
    with noop_worker(rig) as noop, rig.other_side_paused(OURS), connect(rig.stack) as connection:
        insert_backlog(connection, template, WARM_UP)
        drain(rig.stack, connection)
        for number in range(1, rig.plan.rounds + 1):
            rig.say(f"round {number} of {rig.plan.rounds}: {rig.plan.noop_tasks} Celery no-op tasks")
            celery.append(noop.rate(rig.plan.noop_tasks))
            rig.say(f"round {number}: draining {rig.plan.backlog} snapshots")
            ours.append(drained_rate(rig, connection, template, rig.plan.backlog))
            rig.say(f"round {number}: moving {rig.plan.backlog} rows in SQL")
            insert_backlog(connection, template, rig.plan.backlog)
            raw.append(rig.plan.backlog / _moved_in(rig.stack))
    return [
        compared("snapshots drained", "1/s", ours, {"Celery no-op tasks": celery}, at_least(TIMES_CELERY)),
        compared("snapshots drained", "1/s", ours, {"same move in SQL": raw}, at_least(OF_RAW)),
    ]


def prepare_drain(rig: Rig, workers: int) -> Template:
    """Run `workers` workers and no beat, and empty the database except for one flow, work pool and queue.

    Returns:
        The snapshot to copy into backlogs.
    """
    port = rig.api_port
    rig.end_beat()
    rig.run_workers(workers)
    rig.reset_database()
    template = capture_template(rig.stack.sessions, open_registry(port, "bench").flow_id)
    wait_until(lambda: pending(rig.stack) == 0, "the outbox to be empty")
    return template


def drained_rate(rig: Rig, connection: psycopg.Connection[Any], template: Template, count: int) -> float:
    """Insert `count` snapshots, drain them, and return the rate in events per second."""
    insert_backlog(connection, template, count)
    return count / drain(rig.stack, connection)


def drain(stack: Stack, connection: psycopg.Connection[Any]) -> float:
    """Ring once for each lane, as the sweep does, and return the seconds until the outbox is empty."""
    count = pending(stack)
    first = connection.execute("SELECT DISTINCT ON (lane) id FROM snapshot ORDER BY lane, sequence").fetchall()
    before = _position(connection)
    start = perf_counter()
    for (snapshot_id,) in first:
        send(get_settings(), [Doorbell(snapshot_id, "backlog")])
    wait_until(lambda: _position(connection) >= before + count, "the backlog to be drained", DRAIN_SECONDS)
    seconds = perf_counter() - start
    if pending(stack):
        raise MeasurementError("The log holds an event for each snapshot, but the outbox is not empty.")
    return seconds


def _moved_in(stack: Stack) -> float:
    with connect(stack) as first, connect(stack) as second:
        return move_all([first, second])


def pending(stack: Stack) -> int:
    """Return the number of snapshots in the outbox."""
    with stack.sessions() as session:
        return session.scalars(select(func.count()).select_from(SnapshotRow)).one()


def _position(connection: psycopg.Connection[Any]) -> int:
    row = connection.execute("SELECT position FROM event_log").fetchone()
    assert row is not None, "the log has a head row"
    return int(row[0])
