"""A real, unmodified Prefect server as a process, on a database that the caller brings."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx2
from sqlalchemy import make_url

from app.local.embedded.process import free_port
from tests.acceptance.stack import Role
from tests.waiting import wait_until

START_SECONDS: Final = 120


@dataclass(frozen=True)
class PrefectServer:
    """The process, and the address of its API."""

    role: Role
    url: str


def prefect_settings(database_url: str, folder: Path) -> dict[str, str]:
    """Return the environment of a Prefect server that uses this database, without analytics and web pages."""
    url = make_url(database_url).set(drivername="postgresql+asyncpg").render_as_string(hide_password=False)
    return {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")} | {
        "PREFECT_HOME": str(folder / "prefect"),
        "PREFECT_SERVER_DATABASE_CONNECTION_URL": url,
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_UI_ENABLED": "false",
        "PREFECT_SERVER_LOGGING_LEVEL": "WARNING",
        "DO_NOT_TRACK": "1",
    }


def start_prefect(environment: Path, database_url: str, folder: Path, name: str = "prefect") -> PrefectServer:
    """Start the server of a virtual environment; it migrates its database. Return when it answers."""
    port = free_port()
    program = str(environment.absolute() / "bin" / "prefect")
    command = [program, "server", "start", "--host", "127.0.0.1", "--port", str(port)]
    role = Role(name, command, prefect_settings(database_url, folder), folder / f"{name}.log")
    server = PrefectServer(role, f"http://127.0.0.1:{port}/api")
    role.start()

    def answers() -> bool:
        assert role.is_running(), role.read_log()
        try:
            return httpx2.get(f"{server.url}/admin/version", timeout=5).is_success
        except httpx2.TransportError:
            return False

    wait_until(answers, "the Prefect server to answer", timeout=START_SECONDS)
    return server
