"""Starting an embedded server: cancelled, on a used port, after its parent died, or without its wheel."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from app.errors import StartupError
from app.local.embedded import Server, start_postgres, start_valkey
from app.local.embedded import server as server_module
from app.local.embedded.process import wait_until
from tests.unit.local.embedded.inspecting import answer, processes_naming

CRASHING_STARTER = """
import sys
from pathlib import Path
from app.local.embedded import start_postgres, start_valkey
folder = Path(sys.argv[1])
print(start_postgres(folder, durable=False).pid, start_valkey(folder).pid, flush=True)
sys.stdin.read()
"""


def test_an_interrupted_start_leaves_no_process(tmp_path: Path) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        start_postgres(tmp_path, durable=False, check=interrupt)
    with pytest.raises(KeyboardInterrupt):
        start_valkey(tmp_path, check=interrupt)
    assert wait_until(lambda: not processes_naming(tmp_path), timeout=10)


def test_a_server_changes_a_port_that_is_in_use(
    postgres: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = postgres.port
    monkeypatch.setattr(server_module, "free_port", iter([taken + 1]).__next__)
    other = start_valkey(tmp_path)
    other.stop()
    other.port = taken
    other._started_once = False

    other.start()

    assert other.port == taken + 1
    other.stop()


def test_servers_die_with_their_parent_and_can_start_again(tmp_path: Path) -> None:
    command = [sys.executable, "-c", CRASHING_STARTER, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=dict(os.environ)) as starter:
        assert starter.stdout is not None
        starter.stdout.readline()
        starter.kill()

    database, broker = start_postgres(tmp_path, durable=False), start_valkey(tmp_path)

    assert answer(database, "SELECT 1") == "1"
    assert database.stop()
    assert broker.stop()


def test_a_missing_wheel_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)

    with pytest.raises(StartupError, match="AFTERCOMMIT_DATABASE_URL"):
        start_postgres(tmp_path)
    with pytest.raises(StartupError, match="AFTERCOMMIT_BROKER_URL"):
        start_valkey(tmp_path)
