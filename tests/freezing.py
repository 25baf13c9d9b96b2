"""Freezes processes like a hung machine: they keep their sockets and locks, but do not respond."""

import contextlib
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def freeze(pid: int) -> None:
    """SIGSTOP the process, then each descendant: every PostgreSQL backend has its own process group."""
    _signal_all(pid, signal.SIGSTOP)


def thaw(pid: int) -> None:
    """SIGCONT the process and all its descendants."""
    _signal_all(pid, signal.SIGCONT)


@contextmanager
def frozen(pid: int) -> Iterator[None]:
    """Freeze the process and its descendants during the block."""
    freeze(pid)
    try:
        yield
    finally:
        thaw(pid)


def descendants(pid: int) -> list[int]:
    """Return the ids of all living descendants of a process, parents first."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        # A process can end between the listing and the reading.
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            # The process name is in brackets and may contain anything. The parent id is the second word after it.
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
            children.setdefault(parent, []).append(int(stat.parent.name))
    found = [pid]
    for each in found:
        found += children.get(each, [])
    return found[1:]


def _signal_all(pid: int, number: signal.Signals) -> None:
    # Parent first: a running postmaster could fork a backend after the listing, which would not be stopped.
    os.kill(pid, number)
    for each in descendants(pid):
        with contextlib.suppress(ProcessLookupError):
            os.kill(each, number)
