"""Keeps a process on one core, the one that others use least.

An interpreter lets one thread run at a time. On several cores its threads pass that lock from one to another with each
statement that they send: every pass wakes another core, and what the thread needs is not in that core's cache. So a
process with many threads serves half as many reads on two cores as on one. The kernel does not know of the lock, and
spreads them.
"""

import asyncio
import os
import random
import socket
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from itertools import takewhile
from pathlib import Path
from typing import Final, NamedTuple

from app.telemetry import get_logger

logger = get_logger(__name__)

LOOK_SECONDS: Final = 1.0
MARGIN: Final = 0.25
"""How much less of another core's time others must use before the process goes there."""
SEAT: Final = "aftercommit-core"
"""What the names of taken cores begin with, in the abstract namespace of Unix sockets."""
STAT: Final = Path("/proc/stat")
THREADS: Final = Path("/proc/self/task")


async def keep_to_one_core() -> None:
    """Look once a second where this process does best, until it is cancelled.

    It returns at once where there is nothing to choose: with one core, or a system that is not Linux. It stays within
    the cores that the process was given. Where the kernel does not tell what is used, or lets nobody choose, it says so
    in the log and leaves the process to the kernel.
    """
    if not hasattr(os, "sched_setaffinity") or len(os.sched_getaffinity(0)) == 1:
        return
    affinity = Affinity(frozenset(os.sched_getaffinity(0)))
    try:
        while True:
            # Several processes that begin together, each in its container, must not move in step.
            await asyncio.sleep(LOOK_SECONDS * random.uniform(0.5, 1.5))  # noqa: S311  # No secret.
            affinity.look()
    except (OSError, ValueError) as error:
        logger.warning("cores_not_chosen", error=type(error).__name__)
    finally:
        affinity.close()


class Used(NamedTuple):
    """The processor time of this process and of each of its cores up to a time of the clock, all in seconds."""

    time: float
    own: float
    busy: dict[int, float]


class Affinity:
    """Measures who used which core since the last look, and moves the threads of this process.

    No two processes take the same core while there is another: each shows by a name that it binds which one it has.
    """

    def __init__(self, allowed: frozenset[int]) -> None:
        """Take the cores that the process may use, by their numbers."""
        self._allowed = allowed
        self._core: int | None = None
        self._seat: socket.socket | None = None
        self._before: Used | None = None

    def look(self) -> None:
        """Choose by what was used since the last look; the first one is for the next.

        Raises:
            OSError: the kernel does not tell what was used, or lets nobody choose.
            ValueError: it tells of other cores than the process may use.
        """
        now, before = self._measure(), self._before
        self._before = now
        if before is None:
            return
        seconds = now.time - before.time
        others = {core: (busy - before.busy[core]) / seconds for core, busy in now.busy.items()}
        if self._core is not None:
            others[self._core] -= (now.own - before.own) / seconds
        self._core = self._take_seat(others)
        self._move({self._core})

    def close(self) -> None:
        """Leave the process to the kernel, and the core to another one."""
        self._leave_seat()
        if self._core is not None:
            self._core = None
            with suppress(OSError):
                self._move(self._allowed)

    def _take_seat(self, others: Mapping[int, float]) -> int:
        """Return the best of the cores that no process like this one has, or of all when each has one."""
        for core in better(others, self._core if self._seat is not None else None):
            if core == self._core and self._seat is not None:
                return core
            seat = _seat_at(core)
            if seat is not None:
                self._leave_seat()
                self._seat = seat
                return core
        return better(others, self._core)[0]

    def _leave_seat(self) -> None:
        if self._seat is not None:
            self._seat.close()
            self._seat = None

    def _measure(self) -> Used:
        busy = busy_seconds(STAT.read_text())
        if not self._allowed <= busy.keys():
            # One was taken away, or lxcfs counts a container's own from 0: then no number is certain.
            raise ValueError("These are not the cores that the process may use.")
        return Used(time.monotonic(), time.process_time(), {core: busy[core] for core in self._allowed})

    def _move(self, cores: Iterable[int]) -> None:
        for thread in THREADS.iterdir():
            # It may have ended since.
            with suppress(ProcessLookupError):
                os.sched_setaffinity(int(thread.name), cores)


def better(others: Mapping[int, float], current: int | None) -> list[int]:
    """Return the cores to be on rather than on the current one, the best first, and last the current one.

    Args:
        others: what part of each core's time others used, by the core's number; at least one.
        current: the core that the process is kept on, or None; then all are better.
    """
    cores = sorted(others, key=lambda core: (others[core], core))
    if current is None:
        return cores
    return [core for core in cores if others[core] + MARGIN < others[current]] + [current]


def _seat_at(core: int) -> socket.socket | None:
    """Bind the name of a core; None when somebody has it. The kernel frees it with the end of the process (unix(7))."""
    seat = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        seat.bind(f"\0{SEAT}-{core}")
    except OSError:
        seat.close()
        return None
    return seat


def busy_seconds(stat: str) -> dict[int, float]:
    """Return how long each core was busy since the system started, by its number, from what `/proc/stat` says.

    The columns are user, nice, system, idle, iowait, irq, softirq and steal, in ticks (proc_stat(5)).
    """
    tick = os.sysconf("SC_CLK_TCK")
    busy = {}
    # They stand at the beginning, and some lines after them are long.
    for line in takewhile(lambda line: line.startswith("cpu"), stat.splitlines()):
        name, *columns = line.split()
        if name != "cpu":
            user, nice, system, _idle, _waiting, *rest = (int(column) for column in columns[:8])
            busy[int(name.removeprefix("cpu"))] = (user + nice + system + sum(rest)) / tick
    return busy
