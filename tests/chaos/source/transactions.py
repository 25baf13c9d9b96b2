"""The transactions of a writer: those that a Prefect server makes, in the same tables.

Each takes an open transaction, and returns how many changes it noted in the model.
"""

import json
import uuid
from collections.abc import Callable
from random import Random
from typing import Any, Final

import psycopg

Connection = psycopg.Connection[tuple[Any, ...]]

SCHEDULE: Final = json.dumps({"interval": 3600, "anchor_date": "2026-01-01T00:00:00Z", "timezone": "UTC"})
NEW_SCHEDULE: Final = """
INSERT INTO deployment_schedule (deployment_id, schedule, active, parameters) VALUES (%s, %s, false, %s)
"""
NEW_DEPLOYMENT: Final = """
INSERT INTO deployment (id, name, flow_id, description, paused, enforce_parameter_schema)
SELECT %s, %s, id, %s, true, false FROM flow WHERE name = 'chaos'
"""
ANY_DEPLOYMENT: Final = "SELECT id::text FROM deployment WHERE name LIKE 'own-%' ORDER BY random() LIMIT 1"
ANY_SHARED: Final = "SELECT id::text FROM deployment WHERE name LIKE 'shared-%' ORDER BY random() LIMIT 1"
LOCK: Final = "SELECT FROM deployment WHERE id = %s FOR UPDATE"
SHARED: Final = 4


def note(
    connection: Connection, kind: str, key: str, mark: str, operation: str, *, own: bool = True, schedules: bool = False
) -> int:
    """Note a change in the model."""
    connection.execute("SELECT model.note(%s, %s, %s, %s, %s, %s)", (kind, key, mark, operation, own, schedules))
    return 1


def prepare(connection: Connection) -> None:
    """Make what the writers change: a flow, a pool with a queue, limits, and deployments that they share."""
    connection.execute("INSERT INTO flow (name, tags) VALUES ('chaos', '[]')")
    connection.execute("INSERT INTO work_pool (name, type) VALUES ('chaos', 'process')")
    connection.execute(
        'INSERT INTO concurrency_limit_v2 (name, "limit", active, active_slots, denied_slots, slot_decay_per_second,'
        " avg_slot_occupancy_seconds) SELECT 'chaos-' || n, 1, true, 0, 0, 0, 2 FROM generate_series(1, 3) AS n"
    )
    for number in range(SHARED):
        _insert_deployment(connection, f"shared-{number}", "new")


def _insert_deployment(connection: Connection, name: str, mark: str) -> str:
    key = str(uuid.uuid4())
    connection.execute(NEW_DEPLOYMENT, (key, name, mark))
    connection.execute(NEW_SCHEDULE, (key, SCHEDULE, json.dumps({"mark": mark})))
    return key


def create(connection: Connection, mark: str, _rng: Random) -> int:
    """Create a deployment with a schedule."""
    key = _insert_deployment(connection, f"own-{mark}", mark)
    return note(connection, "deployment", key, mark, "created", schedules=True)


def patch(connection: Connection, mark: str, rng: Random) -> int:
    """Change a deployment, and perhaps replace its schedules, as PATCH does."""
    key = _one(connection, ANY_DEPLOYMENT)
    replaces = rng.random() < 0.3
    if key is None or not _lock(connection, key):
        return 0
    connection.execute("UPDATE deployment SET description = %s, updated = now() WHERE id = %s", (mark, key))
    if replaces:
        connection.execute("DELETE FROM deployment_schedule WHERE deployment_id = %s", (key,))
        connection.execute(NEW_SCHEDULE, (key, SCHEDULE, json.dumps({"mark": mark})))
    return note(connection, "deployment", key, mark, "updated", schedules=replaces)


def redeploy(connection: Connection, _mark: str, _rng: Random) -> int:
    """Deploy what is there already: all schedules are deleted and made anew. That is no change."""
    key = _one(connection, ANY_DEPLOYMENT)
    if key is None or not _lock(connection, key):
        return 0
    connection.execute("UPDATE deployment SET updated = now() WHERE id = %s", (key,))
    rows = connection.execute(
        "DELETE FROM deployment_schedule WHERE deployment_id = %s RETURNING schedule::text, parameters::text", (key,)
    ).fetchall()
    for schedule, parameters in rows:
        connection.execute(NEW_SCHEDULE, (key, schedule, parameters))
    return 0


def delete(connection: Connection, _mark: str, _rng: Random) -> int:
    """Delete a deployment; its schedules go with it."""
    key = _one(connection, ANY_DEPLOYMENT)
    if key is None or connection.execute("DELETE FROM deployment WHERE id = %s", (key,)).rowcount == 0:
        return 0
    return note(connection, "deployment", key, "deleted", "deleted")


def change_parent(connection: Connection, mark: str, _rng: Random) -> int:
    """Change the row of a shared deployment, while another writer may change its schedule."""
    key = _one(connection, ANY_SHARED)
    assert key is not None, "they are never deleted"
    connection.execute("UPDATE deployment SET description = %s WHERE id = %s", (mark, key))
    return note(connection, "deployment", key, mark, "updated")


def change_child(connection: Connection, mark: str, _rng: Random) -> int:
    """Change the schedule of a shared deployment, while another writer may change its row."""
    key = _one(connection, ANY_SHARED)
    assert key is not None, "they are never deleted"
    connection.execute(
        "UPDATE deployment_schedule SET parameters = %s WHERE deployment_id = %s", (json.dumps({"mark": mark}), key)
    )
    return note(connection, "deployment", key, mark, "updated", own=False, schedules=True)


def interleave(connection: Connection, mark: str, rng: Random) -> int:
    """Change the row of a shared deployment, wait, then change its schedule: others commit in between."""
    key = _one(connection, ANY_SHARED)
    assert key is not None, "they are never deleted"
    connection.execute("UPDATE deployment SET description = %s WHERE id = %s", (mark, key))
    connection.execute("SELECT pg_sleep(%s)", (rng.uniform(0, 0.4),))
    connection.execute(
        "UPDATE deployment_schedule SET parameters = %s WHERE deployment_id = %s", (json.dumps({"mark": mark}), key)
    )
    return note(connection, "deployment", key, mark, "updated", schedules=True)


def cross(connection: Connection, mark: str, rng: Random) -> int:
    """Change several resources in one transaction, in any order. Two of these may be in a deadlock."""
    changes = [
        ("flow", "UPDATE flow SET labels = %s WHERE name = 'chaos' RETURNING id::text", json.dumps({"mark": mark})),
        ("work-pool", "UPDATE work_pool SET description = %s WHERE name = 'chaos' RETURNING id::text", mark),
        ("concurrency-limit", _limit(rng), int(mark.rpartition("-")[2])),
    ]
    noted = 0
    for kind, statement, value in rng.sample(changes, rng.randint(1, len(changes))):
        (key,) = connection.execute(statement.encode(), (value,)).fetchone() or ("",)
        noted += note(connection, kind, key, str(value) if kind == "concurrency-limit" else mark, "updated")
    return noted


def _limit(rng: Random) -> str:
    return f"UPDATE concurrency_limit_v2 SET \"limit\" = %s WHERE name = 'chaos-{rng.randint(1, 3)}' RETURNING id::text"


def take_slot(connection: Connection, _mark: str, rng: Random) -> int:
    """Take a slot of a limit, as each run does. That is no change."""
    connection.execute(
        "UPDATE concurrency_limit_v2 SET active_slots = active_slots + 1, updated = now() WHERE name = %s",
        (f"chaos-{rng.randint(1, 3)}",),
    )
    return 0


def _one(connection: Connection, statement: str) -> str | None:
    row = connection.execute(statement.encode()).fetchone()
    return None if row is None else str(row[0])


def _lock(connection: Connection, key: str) -> bool:
    return connection.execute(LOCK, (key,)).fetchone() is not None


WEIGHTS: Final[dict[Callable[[Connection, str, Random], int], int]] = {
    create: 8,
    patch: 40,
    redeploy: 5,
    delete: 6,
    change_parent: 8,
    change_child: 8,
    interleave: 3,
    cross: 15,
    take_slot: 7,
}
"""Of a hundred transactions, how many are which."""
