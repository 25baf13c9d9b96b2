"""PostgreSQL and Valkey out of their wheels: private, kept over crashes, and clear about what is wrong."""

import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import redis

from app.embedded import Server, start_postgres, start_valkey
from app.embedded import server as server_module
from app.embedded.process import wait_until
from app.errors import StartupError

CRASHING_STARTER = """
import sys
from pathlib import Path
from app.embedded import start_postgres, start_valkey
folder = Path(sys.argv[1])
print(start_postgres(folder, durable=False).pid, start_valkey(folder).pid, flush=True)
sys.stdin.read()
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the servers that the tests of this file share."""
    return tmp_path_factory.mktemp("servers")


@pytest.fixture(scope="module")
def shared_postgres(folder: Path) -> Iterator[Server]:
    """One PostgreSQL for the tests that leave it as it was."""
    server = start_postgres(folder, durable=False)
    yield server
    server.stop()


@pytest.fixture
def postgres(shared_postgres: Server) -> Server:
    """The shared PostgreSQL, running."""
    shared_postgres.start()
    return shared_postgres


@pytest.fixture(scope="module")
def shared_valkey(folder: Path) -> Iterator[Server]:
    """One Valkey for the tests that leave it as it was."""
    server = start_valkey(folder)
    yield server
    server.stop()


@pytest.fixture
def valkey(shared_valkey: Server) -> Server:
    """The shared Valkey, running."""
    shared_valkey.start()
    return shared_valkey


def _ask(server: Server, statement: str) -> str:
    with psycopg.connect(server.url.replace("+psycopg", ""), autocommit=True) as connection:
        row = connection.execute(statement.encode()).fetchone()
        return "" if row is None else str(row[0])


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_postgres_is_version_18_in_utf8_and_utc_on_loopback_only(postgres: Server) -> None:
    assert _ask(postgres, "SHOW server_version_num") >= "180000"
    assert _ask(postgres, "SHOW server_encoding") == "UTF8"
    assert _ask(postgres, "SHOW timezone") == "UTC"
    assert _ask(postgres, "SHOW listen_addresses") == "127.0.0.1"
    assert _ask(postgres, "SHOW unix_socket_directories") == ""
    assert _ask(postgres, "SHOW fsync") == "off"
    assert _ask(postgres, "SELECT datlocale FROM pg_database WHERE datname = 'aftercommit'") == "C.UTF-8"


def test_postgres_refuses_a_wrong_password_and_hides_the_right_one(postgres: Server, folder: Path) -> None:
    password = (folder / "postgres/password").read_text()
    command_line = Path(f"/proc/{postgres.pid}/cmdline").read_text()

    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(postgres.url.replace("+psycopg", "").replace(password, "wrong"))
    assert _mode(folder / "postgres/password") == 0o600
    assert _mode(folder / "postgres") == 0o700
    assert password not in command_line
    assert password not in repr(postgres)


def test_postgres_keeps_port_and_data_over_a_crash(postgres: Server) -> None:
    port = postgres.port
    with psycopg.connect(postgres.url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 7 AS number")
        postgres.kill()

    assert not postgres.is_running()
    assert postgres.returncode == -signal.SIGKILL
    postgres.start()

    assert postgres.port == port
    assert _ask(postgres, "SELECT number FROM kept") == "7"


def test_postgres_sees_through_the_lock_file_of_a_dead_server(postgres: Server, folder: Path) -> None:
    lock = folder / "postgres/data/postmaster.pid"
    postgres.kill()
    # Its process id belongs to another program of ours by now.
    with subprocess.Popen(["/bin/sleep", "60"]) as stranger:
        lock.write_text("\n".join([str(stranger.pid), *lock.read_text().splitlines()[1:], ""]))

        postgres.start()

        assert _ask(postgres, "SELECT 1") == "1"
        stranger.kill()


def test_postgres_starts_anew_after_an_initialisation_that_was_killed(tmp_path: Path) -> None:
    half = tmp_path / "postgres/data.new"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("18\n")

    server = start_postgres(tmp_path, durable=False)

    assert _ask(server, "SELECT 1") == "1"
    assert server.stop()
    assert not half.exists()


def test_postgres_tells_why_it_did_not_start(postgres: Server, folder: Path) -> None:
    postgres.stop()
    version = folder / "postgres/data/PG_VERSION"
    version.write_text("17\n")

    with pytest.raises(StartupError, match="database files are incompatible with server"):
        postgres.start()
    version.write_text("18\n")


def test_a_start_that_is_called_off_leaves_nothing(tmp_path: Path) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        start_postgres(tmp_path, durable=False, check=interrupt)
    with pytest.raises(KeyboardInterrupt):
        start_valkey(tmp_path, check=interrupt)
    assert wait_until(lambda: not _processes_naming(tmp_path), timeout=10)


def test_valkey_wants_a_password_and_hides_it(valkey: Server, folder: Path) -> None:
    password = (folder / "valkey/password").read_text()

    with redis.Redis(port=valkey.port) as stranger, pytest.raises(redis.AuthenticationError):
        stranger.ping()
    assert _mode(folder / "valkey/valkey.conf") == 0o600
    assert password not in Path(f"/proc/{valkey.pid}/cmdline").read_text()
    assert password not in repr(valkey)


def test_valkey_keeps_port_and_data_over_a_restart(valkey: Server) -> None:
    port = valkey.port
    with redis.Redis.from_url(valkey.url, decode_responses=True) as client:
        client.set("kept", "7")
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}

    valkey.restart()

    assert valkey.port == port
    with redis.Redis.from_url(valkey.url, decode_responses=True) as client:
        assert client.get("kept") == "7"


def test_valkey_comes_back_on_its_port_after_a_crash(valkey: Server) -> None:
    valkey.kill()

    valkey.start()

    with redis.Redis.from_url(valkey.url) as client:
        assert client.ping()


def test_two_valkeys_never_share_a_folder(valkey: Server, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.embedded.valkey._PREDECESSOR_TIMEOUT", 0.1)

    with pytest.raises(StartupError, match="Another Valkey runs on"):
        start_valkey(folder)


def test_two_postgres_never_share_a_folder(postgres: Server, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.embedded.postgres._PREDECESSOR_TIMEOUT", 0.1)

    with pytest.raises(StartupError, match="Another PostgreSQL"):
        start_postgres(folder, durable=False)


def test_a_server_moves_from_a_taken_port(postgres: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    taken = postgres.port
    monkeypatch.setattr(server_module, "free_port", iter([taken + 1]).__next__)
    other = start_valkey(tmp_path)
    other.stop()
    other.port = taken
    other._started_once = False

    other.start()

    assert other.port == taken + 1
    other.stop()


def test_servers_die_with_their_starter_and_start_again(tmp_path: Path) -> None:
    command = [sys.executable, "-c", CRASHING_STARTER, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=dict(os.environ)) as starter:
        assert starter.stdout is not None
        starter.stdout.readline()
        starter.kill()

    database, broker = start_postgres(tmp_path, durable=False), start_valkey(tmp_path)

    assert _ask(database, "SELECT 1") == "1"
    assert database.stop()
    assert broker.stop()


def test_a_missing_wheel_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)

    with pytest.raises(StartupError, match="AFTERCOMMIT_DATABASE_URL"):
        start_postgres(tmp_path)
    with pytest.raises(StartupError, match="AFTERCOMMIT_BROKER_URL"):
        start_valkey(tmp_path)


def _processes_naming(folder: Path) -> list[str]:
    listing = subprocess.run(["/bin/ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    return [line for line in listing.splitlines() if str(folder) in line]
