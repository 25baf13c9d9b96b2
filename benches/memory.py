"""S11: resident memory of the API and of a worker over half a million events."""

import itertools
import os
import threading
from pathlib import Path
from typing import Any, Final

import httpx2
import psycopg

from benches.bodies import Registry, open_registry
from benches.drain import drained_rate, prepare_drain
from benches.line import Line, at_most, compared
from benches.load import run_load
from benches.rig import OURS, Rig
from benches.synthetic import Template, connect

TENTHS: Final = 10
GROWTH: Final = 1.1
REQUEST_SECONDS: Final = 5.0
MEBIBYTE: Final = 2**20


def measure_memory(rig: Rig) -> list[Line]:
    """Drain a backlog in ten parts, while a reader follows all events and a client updates a deployment after each."""
    template = prepare_drain(rig, workers=1)
    api = rig.stack.start_api()
    port = int(api.url.rpartition(":")[2])
    sizes: dict[str, list[float]] = {"API": [], "worker": []}
    pids = {"API": api.role.pid, "worker": rig.workers[0].pid}
    reader = threading.Thread(target=_follow, args=[port], daemon=True)
    reader.start()
    with rig.other_side_paused(OURS), connect(rig.stack) as connection:
        registry = open_registry(port, "memory")
        for tenth in range(1, TENTHS + 1):
            rig.say(f"tenth {tenth} of {rig.plan.memory_events:,} events")
            _tenth(rig, connection, template, registry, tenth)
            for name, pid in pids.items():
                sizes[name].append(resident(pid) / MEBIBYTE)
    api.role.kill()
    rig.stack.roles.remove(api.role)
    return [
        compared(f"{name}, last tenth", "MiB", values[-1:], {"second tenth": values[1:2]}, at_most(GROWTH))
        for name, values in sizes.items()
    ]


def _tenth(rig: Rig, connection: psycopg.Connection[Any], template: Template, registry: Registry, tenth: int) -> None:
    drained_rate(rig, connection, template, rig.plan.memory_events // TENTHS)
    changes = (registry.deploy("memory", f"change {tenth} {number}") for number in itertools.count())
    run_load(registry.port, changes, clients=1, seconds=REQUEST_SECONDS).require(200, 201)


def _follow(port: int) -> None:
    """Read the stream of all events until the API ends."""
    try:
        with httpx2.stream("GET", f"http://127.0.0.1:{port}/api/events/stream", timeout=None) as stream:
            for _ in stream.iter_bytes():
                pass
    except httpx2.TransportError:
        return


def resident(group: int) -> int:
    """Return the resident memory of a process group in bytes, from `/proc`."""
    pages = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            # Split after the name, which may contain any character. Then field 2 is the group and field 21 the pages.
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[2]) == group:
            pages += int(fields[21])
    return pages * os.sysconf("SC_PAGE_SIZE")
