"""Inspects an embedded server from outside: its SQL answers, file modes and processes."""

import stat
import subprocess
from pathlib import Path

import psycopg

from app.local.embedded import Server


def answer(server: Server, statement: str) -> str:
    """Return the first value of the result of a query, as text."""
    with psycopg.connect(server.url.replace("+psycopg", ""), autocommit=True) as connection:
        row = connection.execute(statement.encode()).fetchone()
        return "" if row is None else str(row[0])


def mode(path: Path) -> int:
    """Return the permissions of a file."""
    return stat.S_IMODE(path.stat().st_mode)


def processes_naming(folder: Path) -> list[str]:
    """Return the command lines of processes that contain the path of the folder."""
    listing = subprocess.run(["/bin/ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    return [line for line in listing.splitlines() if str(folder) in line]
