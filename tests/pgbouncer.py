"""PgBouncer in transaction mode, with the configuration that `docs/operations.md` recommends."""

import configparser
import os
import re
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from sqlalchemy import make_url

from app.local.embedded.process import free_port, kill_group, spawn
from tests.system_packages import NOBODY, pgbouncer_program
from tests.waiting import wait_until

DOCUMENT = Path(__file__).parent.parent / "docs" / "operations.md"


def documented_configuration() -> configparser.ConfigParser:
    """Return the `pgbouncer.ini` of the documentation."""
    found = re.search(r"```ini\n(\[databases\]\n.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None
    configuration = configparser.ConfigParser(interpolation=None)
    configuration.read_string(found[1])
    return configuration


@contextmanager
def running_pgbouncer(server_url: str, **options: str) -> Iterator[str]:
    """Run a PgBouncer before this server; yield the URL of the same database behind it.

    `options` replace the documented ones.
    """
    url = make_url(server_url)
    port = free_port()
    # Not pytest's folder: that one is closed to the user as whom PgBouncer runs instead of root.
    folder = Path(tempfile.mkdtemp(prefix="pgbouncer-"))
    users = folder / "userlist.txt"
    users.write_text(f'"{url.username}" "{url.password}"\n')
    configuration = documented_configuration()
    configuration["databases"] = {"*": f"host={url.host} port={url.port}"}
    configuration["pgbouncer"].update(
        {
            "listen_port": str(port),
            "auth_file": str(users),
            # Without a socket, two tests cannot meet.
            "unix_socket_dir": "",
            **options,
        }
    )
    path = folder / "pgbouncer.ini"
    with path.open("w") as file:
        configuration.write(file)
    is_root = os.geteuid() == 0
    if is_root:
        for own in (folder, path, users):
            os.chown(own, NOBODY, NOBODY)
    with (folder / "log").open("wb") as log:
        process = spawn(
            [pgbouncer_program(), str(path)],
            env={},
            death_signal=signal.SIGKILL,
            identity="nobody" if is_root else "same",
            output=log,
        )
    pooled = url.set(port=port)
    try:
        wait_until(lambda: _answers(pooled.set(drivername="postgresql").render_as_string(False)), "PgBouncer to answer")
        yield pooled.render_as_string(hide_password=False)
    finally:
        kill_group(process)
        print((folder / "log").read_text(errors="replace")[-3000:])
        shutil.rmtree(folder)


def _answers(address: str) -> bool:
    try:
        psycopg.connect(address, connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True
