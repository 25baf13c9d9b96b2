"""Run a real Prefect server with its own command, on its own PostgreSQL."""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx2

from app.local.embedded import start_postgres
from app.local.embedded.process import free_port, kill_group, spawn, tail
from benches.errors import MeasurementError
from tests.waiting import wait_until

START_SECONDS: Final = 120


@dataclass(frozen=True)
class PrefectServer:
    """A running Prefect server. `process` leads its process group."""

    port: int
    version: str
    database_url: str
    process: subprocess.Popen[bytes]


@contextmanager
def running_prefect(environment: Path, install: Path, folder: Path) -> Iterator[PrefectServer]:
    """Run the Prefect server of a virtual environment with its default services, and stop it at the end.

    Its web UI and its usage analytics are off, because neither is measured.
    """
    with ExitStack() as cleanup:
        database = start_postgres(folder, install=install)
        cleanup.callback(database.stop)
        port = free_port()
        log = folder / "prefect.log"
        env = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")} | {
            "PREFECT_HOME": str(folder / "home"),
            "PREFECT_SERVER_DATABASE_CONNECTION_URL": database.url.replace("+psycopg", "+asyncpg"),
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "PREFECT_SERVER_UI_ENABLED": "false",
            "PREFECT_SERVER_LOGGING_LEVEL": "WARNING",
        }
        command: list[str | Path] = [
            environment / "bin" / "prefect",
            "server",
            "start",
            "--host",
            "127.0.0.1",
            "--port",
            str(port),
        ]
        with log.open("wb") as output:
            process = spawn(command, env=env, death_signal=signal.SIGTERM, output=output)
        cleanup.callback(kill_group, process)
        yield PrefectServer(port, _version(port, process, log), database.url, process)


def _version(port: int, process: subprocess.Popen[bytes], log: Path) -> str:
    """Wait until the server responds, and return its version."""

    def version() -> str | None:
        if process.poll() is not None:
            raise MeasurementError(f"Prefect's server ended.\n{tail(log)}")
        try:
            response = httpx2.get(f"http://127.0.0.1:{port}/api/admin/version", timeout=5)
        except httpx2.TransportError:
            return None
        return str(response.json()) if response.status_code == 200 else None

    return wait_until(version, "Prefect's server to respond", START_SECONDS) or ""
