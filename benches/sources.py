"""S15: a source: the price of its triggers, the drain of a backlog, the lag, and growth under an open transaction."""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final
from uuid import UUID

import psycopg
from sqlalchemy import select

from app.log.append import CHANNEL
from app.models import Source
from app.postgres.listening import Listener
from app.settings import get_settings
from app.sources.attaching import Request, attach
from app.sources.detaching import detach
from app.sources.profile_file import read_profile_text
from benches.errors import MeasurementError
from benches.line import Line, at_least, at_most, compared, line
from benches.rig import OURS, Rig
from benches.spread import percentile
from benches.synthetic import connect
from workers.follow.move import Mover

NAME: Final = "bench"
DEPLOYMENTS: Final = 1_000
RATE: Final = 50.0
READ_SECONDS: Final = 0.005
TIMEOUT_SECONDS: Final = 60
PREPARE: Final = """
WITH new_flow AS (INSERT INTO flow (name, tags) VALUES ('bench-source', '[]') RETURNING id)
INSERT INTO deployment (name, flow_id, paused, enforce_parameter_schema, parameters)
SELECT 'd-' || n, id, true, false, jsonb_build_object('n', n, 'text', repeat('x', 200))
FROM new_flow, generate_series(1, %s) AS n
"""
MARK: Final = "UPDATE deployment SET description = %s, updated = now() WHERE name = %s"
POLL: Final = "UPDATE deployment SET last_polled = now() WHERE name = %s"
TRIGGER: Final = "ALTER TABLE deployment {} TRIGGER aftercommit_capture_update"
# Each in its own transaction, without a round trip or a wait for the disk.
BACKLOG: Final = """
DO $$ BEGIN
    FOR n IN 1..{} LOOP
        UPDATE deployment SET description = 'backlog ' || n WHERE name = 'd-' || (n % 1000 + 1);
        COMMIT;
    END LOOP;
END $$
"""

Theirs = psycopg.Connection[tuple[Any, ...]]


def measure_sources(rig: Rig) -> list[Line]:
    """Attach the database of Prefect's server, and change its deployments with plain SQL; its server is paused."""
    address = rig.prefect.database_url.replace("+psycopg", "")
    rig.run_workers(0)
    with rig.other_side_paused(OURS), psycopg.connect(address, autocommit=True) as theirs:
        theirs.execute("SET synchronous_commit = off")
        theirs.execute(PREPARE, (DEPLOYMENTS,))
        with _attached(rig, address) as source_id:
            lines = [*_price(rig, theirs), _drain(rig, theirs, source_id)]
            rig.run_workers(1)
            rig.start_beat()
            lines += [*_lag(rig, address), *_growth(rig, address, theirs)]
            rig.end_beat()
            rig.run_workers(0)
            _move(rig, source_id)
        theirs.execute("DELETE FROM flow WHERE name = 'bench-source'")
    return lines


@contextmanager
def _attached(rig: Rig, address: str) -> Iterator[UUID]:
    sessions, settings = rig.stack.sessions, rig.stack.settings
    attach(sessions, Request(NAME, address, read_profile_text("prefect")), settings)
    with sessions() as session:
        source_id = session.scalars(select(Source.id).where(Source.name == NAME)).one()
    _move(rig, source_id)
    yield source_id
    with sessions.begin() as session:
        detach(session, settings, NAME, force=True)


def _move(rig: Rig, source_id: UUID) -> int:
    """Move all that waits, and return the number of events."""
    moved = 0
    while events := Mover(rig.stack.sessions, get_settings(), source_id).run():
        moved += events
    return moved


def _price(rig: Rig, theirs: Theirs) -> list[Line]:
    """Measure milliseconds of a statement without and with its trigger, in turn."""
    real: dict[str, list[float]] = {"DISABLE": [], "ENABLE": []}
    noise: dict[str, list[float]] = {"DISABLE": [], "ENABLE": []}
    for number in range(rig.plan.rounds + 1):
        rig.say(f"round {number} of {rig.plan.rounds}: {rig.plan.source_changes} changes without and with triggers")
        for state, changes in real.items():
            theirs.execute(TRIGGER.format(state).encode())
            times = (
                _times(theirs, MARK, rig.plan.source_changes, f"{number} {state}"),
                _times(theirs, POLL, rig.plan.source_changes),
            )
            if number:
                changes.append(times[0])
                noise[state].append(times[1])
    added = [with_ - without for with_, without in zip(real["ENABLE"], real["DISABLE"], strict=True)]
    return [
        line("a real change, added by the trigger", "ms", added, at_most(0.1)),
        compared("a real change", "ms", real["ENABLE"], {"without triggers": real["DISABLE"]}),
        compared("an update of noise", "ms", noise["ENABLE"], {"without triggers": noise["DISABLE"]}, at_most(1.15)),
    ]


def _times(theirs: Theirs, statement: str, count: int, mark: str | None = None) -> float:
    """Return the mean milliseconds of this many statements."""
    start = time.perf_counter()
    for number in range(count):
        name = f"d-{number % DEPLOYMENTS + 1}"
        theirs.execute(statement.encode(), (name,) if mark is None else (f"{mark} {number}", name))
    return (time.perf_counter() - start) * 1000 / count


def _drain(rig: Rig, theirs: Theirs, source_id: UUID) -> Line:
    """Measure how fast one process moves a backlog of single changes."""
    _move(rig, source_id)
    rates = []
    for number in range(1, rig.plan.source_rounds + 1):
        rig.say(f"round {number} of {rig.plan.source_rounds}: a backlog of {rig.plan.backlog} changes")
        theirs.execute(BACKLOG.format(rig.plan.backlog).encode())
        start = time.perf_counter()
        moved = _move(rig, source_id)
        rates.append(moved / (time.perf_counter() - start))
        if moved != rig.plan.backlog:
            raise MeasurementError(f"{moved} events of {rig.plan.backlog} changes.")
    return line("changes drained", "1/s", rates, at_least(5_000))


def _lag(rig: Rig, address: str) -> list[Line]:
    """Measure from their commit until our event is readable, with a worker and beat as usual."""
    lags: list[list[float]] = []
    for number in range(1, rig.plan.lag_rounds + 1):
        rig.say(f"round {number} of {rig.plan.lag_rounds}: {RATE:.0f} changes a second")
        lags.append(_steady(rig, address, f"lag {number}", rig.plan.lag_seconds))
    return [
        line("their commit to our event, p50", "ms", [percentile(each, 50) for each in lags]),
        line("their commit to our event, p99", "ms", [percentile(each, 99) for each in lags], at_most(1_000)),
    ]


def _steady(rig: Rig, address: str, mark: str, seconds: float) -> list[float]:
    """Change at a steady rate in a thread, and read the log; return the lags in milliseconds."""
    committed: dict[str, float] = {}
    writer = threading.Thread(target=_write, args=(address, mark, seconds, committed))
    seen: dict[str, float] = {}
    with connect(rig.stack) as ours, Listener(rig.stack.engine, CHANNEL) as listener:
        after = ours.execute("SELECT position FROM event_log").fetchall()[0][0]
        writer.start()
        deadline = time.monotonic() + seconds + TIMEOUT_SECONDS
        while writer.is_alive() or len(seen) < len(committed):
            listener.wait(READ_SECONDS)
            rows = ours.execute(
                "SELECT position, payload #>> '{updates,description,to}' FROM event WHERE position > %s ORDER BY 1",
                [after],
            ).fetchall()
            now = time.monotonic()
            for position, text in rows:
                after = position
                seen[text] = now
            if now > deadline:
                raise MeasurementError("Some changes had no event after a minute.")
    return [max(seen[text] - at, 0) * 1000 for text, at in committed.items()]


def _write(address: str, mark: str, seconds: float, committed: dict[str, float]) -> None:
    with psycopg.connect(address, autocommit=True) as theirs:
        start = time.monotonic()
        for number in range(int(seconds * RATE)):
            time.sleep(max(start + number / RATE - time.monotonic(), 0))
            theirs.execute(MARK, (f"{mark} {number}", f"d-{number % DEPLOYMENTS + 1}"))
            committed[f"{mark} {number}"] = time.monotonic()


def _growth(rig: Rig, address: str, theirs: Theirs) -> Sequence[Line]:
    """Measure the table of changes while a transaction stays open: what is moved is deleted, but not yet vacuumed."""
    seconds = rig.plan.source_open_seconds
    theirs.execute("VACUUM FULL aftercommit.row_change")
    rig.say(f"{RATE:.0f} changes a second under a transaction that is open for {seconds:.0f} s")
    with psycopg.connect(address) as other:
        other.execute("SELECT pg_current_xact_id(), (SELECT count(*) FROM flow)")
        lags = _steady(rig, address, "open", seconds)
        (megabytes, waiting) = theirs.execute(
            "SELECT pg_total_relation_size('aftercommit.row_change') / 1e6::float8, count(*)"
            " FROM aftercommit.row_change"
        ).fetchall()[0]
    minutes = f"{seconds / 60:.1f} minutes".replace(".0", "")
    return [
        line(f"table of changes, {minutes} under an open transaction", "MB", [megabytes]),
        line("rows that wait in it then", "rows", [waiting]),
        line("their commit to our event meanwhile, p99", "ms", [percentile(lags, 99)]),
    ]
