"""A PostgreSQL that is too old, from a package of the operating system."""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from app.local.embedded.process import free_port, kill_group, spawn
from tests.system_packages import NOBODY, old_postgres
from tests.waiting import wait_until


@contextmanager
def running_old_postgres() -> Iterator[tuple[str, int]]:
    """Run the oldest installed PostgreSQL; yield its URL and its major version."""
    programs = old_postgres()
    # Not pytest's folder: that one is closed to the user as whom PostgreSQL runs instead of root.
    folder = Path(tempfile.mkdtemp(prefix="old-postgres-"))
    is_root = os.geteuid() == 0
    if is_root:
        os.chown(folder, NOBODY, NOBODY)

    def start(*command: str | Path) -> subprocess.Popen[bytes]:
        return spawn(
            command, env={"LC_ALL": "C"}, death_signal=signal.SIGKILL, identity="nobody" if is_root else "same"
        )

    data, port = folder / "data", free_port()
    assert start(programs / "initdb", "-D", data, "--auth=trust", "--username=old", "--no-sync").wait(60) == 0
    options = ("-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c", "fsync=off")
    server = start(programs / "postgres", "-D", data, "-p", str(port), *options)
    address = f"127.0.0.1:{port}/postgres"
    try:
        wait_until(lambda: _answers(f"postgresql://old@{address}"), "the old PostgreSQL to answer")
        yield f"postgresql+psycopg://old@{address}", int(programs.parent.name)
    finally:
        kill_group(server)
        shutil.rmtree(folder)


def _answers(address: str) -> bool:
    try:
        psycopg.connect(address, connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True
