"""The disruptions: generators that disrupt one process, and yield the seconds until their next step.

All of them run in the main thread, because a process dies with the thread that started it.
"""

import contextlib
import os
import random
import signal
import time
from collections.abc import Callable, Generator
from typing import Final

import httpx2
import psycopg
import redis

from tests.acceptance.stack import Role
from tests.chaos.fleet import DATABASE, Fleet
from tests.freezing import descendants, freeze, thaw

Steps = Generator[float, None, None]
Disruption = Callable[[Fleet, str, random.Random], Steps]

PATIENCE: Final = 20.0
"""An orderly end that takes longer is cut short by SIGKILL, and counted."""
READY: Final = 20.0

SESSIONS: Final = """
    SELECT pid FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
      AND (application_name LIKE 'aftercommit-%%' OR NOT %s)
    ORDER BY pid
"""
"""The sessions of a database: only those of the product, or all."""


def kill_role(fleet: Fleet, name: str, rng: random.Random) -> Steps:
    """SIGKILL a process with all its children, and start it again."""
    role = fleet.role(name)
    role.kill()
    yield rng.uniform(0.05, 1.0)
    yield from _start(fleet, role)


def kill_child(fleet: Fleet, name: str, rng: random.Random) -> Steps:
    """SIGKILL one child of a worker, as the kernel does when memory runs out."""
    children = descendants(fleet.pid(name))
    if children:
        # The child may exit between the listing and the kill.
        with contextlib.suppress(ProcessLookupError):
            os.kill(rng.choice(children), signal.SIGKILL)
    yield 0.5


def kill_server(fleet: Fleet, name: str, rng: random.Random) -> Steps:
    """SIGKILL PostgreSQL's postmaster or Valkey, and start it again on its data."""
    server = fleet.servers()[name]
    server.kill()
    yield rng.uniform(0.05, 1.0)
    server.start()


def hang(fleet: Fleet, name: str, rng: random.Random) -> Steps:
    """SIGSTOP a process with all its children for some seconds: its sockets stay open and nothing answers."""
    pid = fleet.pid(name)
    freeze(pid)
    try:
        yield rng.uniform(0.5, 4.0)
    finally:
        thaw(pid)


def restart_role(fleet: Fleet, name: str, rng: random.Random) -> Steps:
    """Stop a process, with SIGKILL after `PATIENCE` seconds, and start it again."""
    role = fleet.role(name)
    role.ask_to_stop()
    deadline = time.monotonic() + PATIENCE
    while role.is_running():
        if time.monotonic() > deadline:
            fleet.stubborn.append(name)
            break
        yield 0.05
    role.kill()
    yield rng.uniform(0.0, 0.5)
    yield from _start(fleet, role)


def restart_server(fleet: Fleet, name: str, rng: random.Random) -> Steps:
    """Stop PostgreSQL or Valkey, with SIGKILL after `PATIENCE` seconds, and start it again."""
    server = fleet.servers()[name]
    server.ask_to_stop()
    deadline = time.monotonic() + PATIENCE
    while server.is_running() and time.monotonic() < deadline:
        yield 0.05
    server.kill()
    yield rng.uniform(0.0, 0.5)
    server.start()


def cut_database(fleet: Fleet, name: str, rng: random.Random) -> Steps:
    """Terminate some database sessions, whatever they are doing."""
    # If the database does not answer in time, there is nothing to cut.
    with (
        contextlib.suppress(psycopg.OperationalError),
        psycopg.connect(fleet.address(name), connect_timeout=5, autocommit=True) as connection,
    ):
        # In our own database only the product's: the driver's own readers are not a part of it.
        pids = [row[0] for row in connection.execute(SESSIONS, [name == DATABASE])]
        for pid in rng.sample(pids, rng.randint(min(1, len(pids)), len(pids))):
            connection.execute("SELECT pg_terminate_backend(%s)", [pid])
    yield 0.2


def cut_broker(fleet: Fleet, _name: str, rng: random.Random) -> Steps:
    """Kill some broker connections."""
    with contextlib.suppress(redis.RedisError), _broker(fleet) as client:
        ids = [each["id"] for each in client.client_list()]
        for id_ in rng.sample(ids, rng.randint(1, len(ids))):
            client.client_kill_filter(_id=id_)
    yield 0.2


def flush_broker(fleet: Fleet, _name: str, _rng: random.Random) -> Steps:
    """Delete every message in the broker."""
    with contextlib.suppress(redis.RedisError), _broker(fleet) as client:
        client.flushall()
    yield 0.2


def _start(fleet: Fleet, role: Role) -> Steps:
    role.start()
    api = next((api for api in fleet.apis if api.role is role), None)
    if api is None:
        # A worker or beat does not report when it is ready, so it is left alone while it starts.
        yield 5.0
        return
    deadline = time.monotonic() + READY
    while time.monotonic() < deadline:
        with contextlib.suppress(httpx2.TransportError):
            if httpx2.get(f"{api.url}/health", timeout=1).is_success:
                return
        yield 0.2


def _broker(fleet: Fleet) -> redis.Redis:
    return redis.Redis.from_url(fleet.stack.broker.url, socket_timeout=5, socket_connect_timeout=5)
