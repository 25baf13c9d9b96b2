"""A PostgreSQL that is too old for our own database, from a package of the operating system. A source may have it."""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from app.local.embedded import Server
from app.local.embedded.process import spawn
from app.local.embedded.server import open_log
from tests.system_packages import NOBODY, old_postgres


@contextmanager
def running_old_postgres() -> Iterator[tuple[str, int]]:
    """Run the oldest installed PostgreSQL; yield its URL and its major version."""
    with old_server() as server:
        yield server.url, _major(server.url)


@contextmanager
def old_server() -> Iterator[Server]:
    """Run the oldest installed PostgreSQL; yield the server, which can be killed and started again."""
    programs = old_postgres()
    # Not pytest's folder: that one is closed to the user as whom PostgreSQL runs instead of root.
    folder = Path(tempfile.mkdtemp(prefix="old-postgres-"))
    is_root = os.geteuid() == 0
    if is_root:
        os.chown(folder, NOBODY, NOBODY)
    data, log = folder / "data", folder / "postgres.log"

    def run(*command: str | Path) -> "subprocess.Popen[bytes]":
        with open_log(log) as output:
            return spawn(
                command,
                env={"LC_ALL": "C"},
                death_signal=signal.SIGKILL,
                identity="nobody" if is_root else "same",
                output=output,
            )

    initdb = (programs / "initdb", "-D", data, "--auth=trust", "--username=old", "--encoding=UTF8", "--no-sync")
    assert run(*initdb).wait(60) == 0
    options = ("-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c", "fsync=off")
    server = Server(
        name="the old PostgreSQL",
        log=log,
        url_format="postgresql+psycopg://old@127.0.0.1:{port}/postgres",
        launch=lambda port: run(programs / "postgres", "-D", data, "-p", str(port), *options),
        answers=_answers,
        stop_signal=signal.SIGINT,
    )
    try:
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder)


def _major(url: str) -> int:
    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        return connection.info.server_version // 10_000


def _answers(url: str) -> bool:
    try:
        psycopg.connect(url.replace("+psycopg", ""), connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True
