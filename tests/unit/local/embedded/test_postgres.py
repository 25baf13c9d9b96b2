"""Embedded PostgreSQL: only its owner has access, its data survives crashes, and its errors are clear."""

import signal
import subprocess
from pathlib import Path

import psycopg
import pytest

from app.errors import StartupError
from app.local.embedded import Server, start_postgres
from tests.unit.local.embedded.inspecting import answer, mode


def test_postgres_is_version_18_in_utf8_and_utc_on_loopback_only(postgres: Server) -> None:
    assert answer(postgres, "SHOW server_version_num") >= "180000"
    assert answer(postgres, "SHOW server_encoding") == "UTF8"
    assert answer(postgres, "SHOW timezone") == "UTC"
    assert answer(postgres, "SHOW listen_addresses") == "127.0.0.1"
    assert answer(postgres, "SHOW unix_socket_directories") == ""
    assert answer(postgres, "SHOW fsync") == "off"
    assert answer(postgres, "SELECT datlocale FROM pg_database WHERE datname = 'aftercommit'") == "C.UTF-8"


def test_postgres_refuses_a_wrong_password_and_hides_the_right_one(postgres: Server, folder: Path) -> None:
    password = (folder / "postgres/password").read_text()
    command_line = Path(f"/proc/{postgres.pid}/cmdline").read_text()

    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(postgres.url.replace("+psycopg", "").replace(password, "wrong"))
    assert mode(folder / "postgres/password") == 0o600
    assert mode(folder / "postgres") == 0o700
    assert password not in command_line
    assert password not in repr(postgres)


def test_postgres_keeps_port_and_data_after_a_crash(postgres: Server) -> None:
    port = postgres.port
    with psycopg.connect(postgres.url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 7 AS number")
        postgres.kill()

    assert not postgres.is_running()
    assert postgres.returncode == -signal.SIGKILL
    postgres.start()

    assert postgres.port == port
    assert answer(postgres, "SELECT number FROM kept") == "7"


def test_postgres_ignores_the_lock_file_of_a_dead_server(postgres: Server, folder: Path) -> None:
    lock = folder / "postgres/data/postmaster.pid"
    postgres.kill()
    # Another of our programs has its process id now.
    with subprocess.Popen(["/bin/sleep", "60"]) as stranger:
        lock.write_text("\n".join([str(stranger.pid), *lock.read_text().splitlines()[1:], ""]))

        postgres.start()

        assert answer(postgres, "SELECT 1") == "1"
        stranger.kill()


def test_postgres_starts_after_an_interrupted_initialization(tmp_path: Path) -> None:
    half = tmp_path / "postgres/data.new"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("18\n")

    server = start_postgres(tmp_path, durable=False)

    assert answer(server, "SELECT 1") == "1"
    assert server.stop()
    assert not half.exists()


def test_postgres_reports_why_it_did_not_start(postgres: Server, folder: Path) -> None:
    postgres.stop()
    version = folder / "postgres/data/PG_VERSION"
    version.write_text("17\n")

    with pytest.raises(StartupError, match="database files are incompatible with server"):
        postgres.start()
    version.write_text("18\n")


def test_two_postgres_servers_never_share_a_folder(
    postgres: Server, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.local.embedded.postgres._PREDECESSOR_TIMEOUT", 0.1)

    with pytest.raises(StartupError, match="Another PostgreSQL"):
        start_postgres(folder, durable=False)
