"""The command lines of the processes of the service. They hold no secrets: every user can read them."""

import socket
import sys
from pathlib import Path

from app.local.ports import Address

_CELERY = (sys.executable, "-m", "celery", "-A", "workers")
_QUIET_CELERY = (sys.executable, "-m", "celery", "-q", "-A", "workers")
INSPECT_TIMEOUT = 2
API_GRACE = 5
"""Seconds that the API has to finish open requests when it is asked to stop."""


def api(address: Address, core: int = 0) -> list[str]:
    """Return the command line of the HTTP API, which stays on one core: number 0, 1, ... of those that it may use."""
    where = ["--host", address.host, "--port", str(address.port), "--core", str(core)]
    return [sys.executable, "-m", "app.server", *where, "--grace", str(API_GRACE)]


def worker(number: int) -> list[str]:
    """Return the command line of a Celery worker: a main process and two children that do the work."""
    # With gossip or mingle, workers receive no tasks after a restart of the broker. -E sends events to Flower.
    mode = ["-E", "--without-gossip", "--without-mingle", "--concurrency", "2"]
    return [*_QUIET_CELERY, "worker", "-n", node_name(number), *mode, "-l", "WARNING"]


def beat(data_dir: Path) -> list[str]:
    """Return the command line of beat, which sends the periodic tasks."""
    return [*_QUIET_CELERY, "beat", "-s", str(data_dir / "celerybeat-schedule"), "-l", "WARNING", "--pidfile="]


def flower(address: Address) -> list[str]:
    """Return the command line of Flower."""
    return [sys.executable, "-m", "app.flower", f"--address={address.host}", f"--port={address.port}"]


def ping(workers: int) -> list[str]:
    """Return the command line that asks the workers, by name, whether they accept commands."""
    names = ",".join(node_name(number) for number in range(1, workers + 1))
    return [*_CELERY, "inspect", "ping", "--json", "-d", names, "--timeout", str(INSPECT_TIMEOUT)]


def node_name(number: int) -> str:
    """Return the name of a worker in Flower and in `celery inspect`."""
    return f"worker{number}@{socket.gethostname()}"
