"""The command lines of the processes that make up the service. No secret is in them: anybody can read them."""

import socket
import sys
from pathlib import Path

from app.local.ports import Address

_CELERY = (sys.executable, "-m", "celery", "-A", "workers")
_QUIET_CELERY = (sys.executable, "-m", "celery", "-q", "-A", "workers")
INSPECT_TIMEOUT = 2
API_GRACE = 5
"""How many seconds the API finishes open requests."""


def api(address: Address) -> list[str]:
    """The HTTP API."""
    where = ["--host", address.host, "--port", str(address.port)]
    return [sys.executable, "-m", "app.server", *where, "--log-level", "warning", "--grace", str(API_GRACE)]


def worker(number: int) -> list[str]:
    """A Celery worker: a main process and two children that do the work."""
    # Gossip and mingle make workers deaf after a restart of the broker; -E is for Flower.
    mode = ["-E", "--without-gossip", "--without-mingle", "--concurrency", "2"]
    return [*_QUIET_CELERY, "worker", "-n", node_name(number), *mode, "-l", "WARNING"]


def beat(data_dir: Path) -> list[str]:
    """The clock that sends the periodic tasks."""
    return [*_QUIET_CELERY, "beat", "-s", str(data_dir / "celerybeat-schedule"), "-l", "WARNING", "--pidfile="]


def flower(address: Address) -> list[str]:
    """Flower, which takes the broker's URL from the Celery app."""
    where = [f"--address={address.host}", f"--port={address.port}"]
    # Its memory is a list of tasks; the inspection of a worker that is away must not hold up its pages.
    limits = ["--max-tasks=10000", f"--inspect-timeout={INSPECT_TIMEOUT * 1000}"]
    return [*_QUIET_CELERY, "flower", "--logging=error", *where, *limits]


def ping(workers: int) -> list[str]:
    """Ask the workers, by name, whether they take commands."""
    names = ",".join(node_name(number) for number in range(1, workers + 1))
    return [*_CELERY, "inspect", "ping", "--json", "-d", names, "--timeout", str(INSPECT_TIMEOUT)]


def node_name(number: int) -> str:
    """The name of a worker in Flower and in `celery inspect`."""
    return f"worker{number}@{socket.gethostname()}"
